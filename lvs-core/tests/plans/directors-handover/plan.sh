# released addresses
ip address delete 192.168.1.11/24 dev eth1
ip address delete 172.16.5.11/16 dev eth0
