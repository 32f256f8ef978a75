# tunnels
modprobe ipip
# links and forwarding
ip link set dev eth0 up
ip link set dev tunl0 up
# sysctls
sysctl -w net/ipv4/conf/all/arp_announce=2
sysctl -w net/ipv4/conf/all/arp_ignore=1
sysctl -w net/ipv4/conf/lo/arp_announce=2
sysctl -w net/ipv4/conf/lo/arp_ignore=1
sysctl -w net/ipv4/conf/tunl0/rp_filter=2
# addresses
ip address add 10.1.1.12/24 broadcast 10.1.1.255 dev eth0
# virtual IPs
ip address add 172.16.5.11/32 broadcast 172.16.5.11 dev tunl0
# last routes
ip route add 172.16.5.11/32 dev tunl0 scope link proto 76
ip route add default via 10.1.1.254 dev eth0 advmss 1440 proto 76
