# floating addresses
ip address add 172.16.5.11/16 broadcast 172.16.255.255 dev eth0
ip address add 172.16.5.12/16 broadcast 172.16.255.255 dev eth0
ip address add 192.168.1.11/24 broadcast 192.168.1.255 dev eth1
# arping -c 5 -U -I eth0 172.16.5.11
# arping -c 5 -U -I eth0 172.16.5.12
# arping -c 5 -U -I eth1 192.168.1.11
# last routes
ip route add default via 172.16.0.1 dev eth0 proto 76
