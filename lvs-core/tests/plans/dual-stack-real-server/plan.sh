# addresses
ip address add 2001:db8:1::12/64 dev eth0
ip address add 10.0.0.12/24 broadcast 10.0.0.255 dev eth1
# virtual IPs
ip address add 2001:db8:1::80/128 dev lo preferred_lft 0 nodad
# last routes
ip -6 route add 2001:db8:1::80/128 dev lo proto 76
ip route add default via 10.0.0.1 dev eth1 proto 76
