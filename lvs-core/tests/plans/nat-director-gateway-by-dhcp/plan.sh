# last routes
ip route add default via 172.16.0.1 dev eth0 proto 76
