# links and forwarding
ip link set dev ip6tnl0 up
# addresses
ip address add 2001:db8:2::14/64 dev eth0
# virtual IPs
ip address add 2001:db8:5::11/128 dev ip6tnl0 preferred_lft 0 nodad
# last routes
ip -6 route add 2001:db8:5::11/128 dev ip6tnl0 proto 76
ip -6 route add default via 2001:db8:2::fe dev eth0 advmss 1400 proto 76
