# tunnels
ip link add lvs-ip6tnl type ip6tnl local 2001:db8:1::12 mode any
# links and forwarding
ip link set dev eth0 up
ip link set dev lvs-ip6tnl up
# sysctls
sysctl -w net/ipv4/conf/all/arp_announce=2
sysctl -w net/ipv4/conf/all/arp_ignore=1
sysctl -w net/ipv4/conf/lo/arp_announce=2
sysctl -w net/ipv4/conf/lo/arp_ignore=1
sysctl -w net/ipv4/conf/lvs-ip6tnl/rp_filter=2
# addresses
ip address add 2001:db8:1::12/64 dev eth0
# virtual IPs
ip address add 172.16.5.11/32 broadcast 172.16.5.11 dev lvs-ip6tnl
# last routes
ip route add 172.16.5.11/32 dev lvs-ip6tnl scope link proto 76
ip -6 route add default via 2001:db8:1::fe dev eth0 proto 76
ip route add default via inet6 2001:db8:1::fe advmss 1420 proto 76
