# tunnels
ip link add lvs-gre type gre local 10.1.2.13 icsum
# links and forwarding
ip link set dev eth0 up
ip link set dev lvs-gre up
# sysctls
sysctl -w net/ipv4/conf/all/arp_announce=2
sysctl -w net/ipv4/conf/all/arp_ignore=1
sysctl -w net/ipv4/conf/lo/arp_announce=2
sysctl -w net/ipv4/conf/lo/arp_ignore=1
sysctl -w net/ipv4/conf/lvs-gre/rp_filter=2
# addresses
ip address add 10.1.2.13/24 broadcast 10.1.2.255 dev eth0
# virtual IPs
ip address add 172.16.5.11/32 broadcast 172.16.5.11 dev lvs-gre
# last routes
ip route add 172.16.5.11/32 dev lvs-gre scope link proto 76
ip route add default via 10.1.2.254 dev eth0 advmss 1432 proto 76
