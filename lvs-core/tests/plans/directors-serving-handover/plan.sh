# released addresses
ip address delete 172.16.5.11/32 dev eth0
# deleted destinations
ipvsadm -d -t 172.16.5.11:80 -r 192.168.1.22:80
ipvsadm -d -t 172.16.5.11:80 -r 192.168.1.21:80
# deleted services
ipvsadm -D -t 172.16.5.11:80
