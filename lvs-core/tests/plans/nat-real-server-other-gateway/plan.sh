# last routes
ip route replace default via 192.168.1.11 dev eth0 proto 76
