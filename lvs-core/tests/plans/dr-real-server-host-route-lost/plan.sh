# last routes
ip route add 172.16.5.11/32 dev lo scope link proto 76
