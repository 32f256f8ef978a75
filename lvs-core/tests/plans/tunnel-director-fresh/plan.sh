# links and forwarding
ip link set dev eth0 up
ip link set dev lo up
# addresses
ip address add 192.168.1.11/24 broadcast 192.168.1.255 dev eth0
# routes
ip route add default via 192.168.1.254 dev eth0 proto 76
# services
ipvsadm -A -t 172.16.5.11:80 -s rr
# destinations
ipvsadm -a -t 172.16.5.11:80 -r 10.1.1.12:80 -i -w 1
ipvsadm -a -t 172.16.5.11:80 -r 10.1.2.13:80 -i -w 1
# virtual IPs
ip address add 172.16.5.11/32 broadcast 172.16.5.11 dev eth0
