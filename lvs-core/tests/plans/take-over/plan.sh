# deleted destinations
ipvsadm -d -u 172.16.5.11:53 -r 192.168.1.13:53
ipvsadm -d -u 172.16.5.11:53 -r 192.168.1.12:53
# deleted services
ipvsadm -D -u 172.16.5.11:53
