# addresses
ip address add 2001:db8:1::12/64 dev eth0
# virtual IPs
ip address add 2001:db8:5::11/128 dev lo preferred_lft 0 nodad
# last routes
ip -6 route add 2001:db8:5::11/128 dev lo proto 76
ip -6 route add default via 2001:db8:1::fe dev eth0 proto 76
