# floating addresses
ip address add 2001:db8:1::11/64 dev eth0 preferred_lft 0 nodad
ip address add 2001:db8:2::11/64 dev eth1 nodad
# ndsend 2001:db8:1::11 eth0
# ndsend 2001:db8:2::11 eth1
