# links and forwarding
sysctl -w net/ipv4/ip_forward=1
# addresses
ip address add 2001:db8:1::11/64 dev eth0
ip address add 10.0.0.1/24 broadcast 10.0.0.255 dev eth1
# routes
ip -6 route add default via 2001:db8:1::1 dev eth0 proto 76
# services
ipvsadm -A -t [2001:db8:1::80]:80 -s wlc
ipvsadm -A -t 198.51.100.80:80 -s wlc
# destinations
ipvsadm -a -t [2001:db8:1::80]:80 -r [2001:db8:1::12]:80 -g -w 1
ipvsadm -a -t 198.51.100.80:80 -r 10.0.0.12:8080 -m -w 1
# virtual IPs
ip address add 2001:db8:1::80/128 dev eth0 preferred_lft 0
ip address add 198.51.100.80/24 broadcast 198.51.100.255 dev eth0
