# links and forwarding
ip link set dev eth0 up
ip link set dev lo up
sysctl -w net/ipv4/ip_forward=1
# addresses
ip address add 192.168.1.11/24 broadcast 192.168.1.255 dev eth0 label eth0:1
# routes
ip route add default via 192.168.1.254 dev eth0 proto 76
ip route add 192.168.1.12/32 via 192.168.1.12 dev eth0 onlink proto 76
# services
ipvsadm -A -t 172.16.5.11:80 -s wrr
# destinations
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.12:80 -g -w 2
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.13:80 -g -w 3
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.11:80 -g -w 1
# virtual IPs
ip address add 172.16.5.11/32 broadcast 172.16.5.11 dev eth0
