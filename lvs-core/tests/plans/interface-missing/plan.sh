# addresses
ip address add 192.168.1.12/24 broadcast 192.168.1.255 dev eth0
# virtual IPs
ip address add 172.16.5.11/32 broadcast 172.16.5.11 dev lo label lo:0
# last routes
ip route add 172.16.5.11/32 dev lo scope link proto 76
ip route add default via 192.168.1.254 dev eth0 proto 76
