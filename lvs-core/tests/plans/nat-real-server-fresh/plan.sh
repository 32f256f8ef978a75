# links and forwarding
ip link set dev eth0 up
# addresses
ip address add 192.168.1.12/24 broadcast 192.168.1.255 dev eth0
# last routes
ip route add default via 192.168.1.11 dev eth0 proto 76
