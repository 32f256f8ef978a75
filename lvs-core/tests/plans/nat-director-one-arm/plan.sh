# links and forwarding
sysctl -w net/ipv4/ip_forward=1
# sysctls
sysctl -w net/ipv4/conf/all/send_redirects=0
sysctl -w net/ipv4/conf/eth0/send_redirects=0
# addresses
ip address add 192.168.1.11/24 broadcast 192.168.1.255 dev eth0
# services
ipvsadm -A -t 172.16.5.11:80 -s rr
# destinations
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.12:80 -m -w 1
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.13:80 -m -w 1
# virtual IPs
ip address add 172.16.5.11/16 broadcast 172.16.255.255 dev eth0
# last routes
ip route add default via 172.16.0.1 dev eth0 proto 76
