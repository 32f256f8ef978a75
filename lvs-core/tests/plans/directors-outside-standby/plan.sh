# links and forwarding
ip link set dev eth0 up
ip link set dev eth1 up
ip link set dev lo up
sysctl -w net/ipv4/ip_forward=1
# addresses
ip address add 192.168.1.21/24 broadcast 192.168.1.255 dev eth1
# services
ipvsadm -A -t 172.16.5.11:80 -s wlc
ipvsadm -A -t 172.16.5.12:80 -s wlc
# destinations
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.12:80 -m -w 1
ipvsadm -a -t 172.16.5.12:80 -r 192.168.1.12:80 -m -w 1
