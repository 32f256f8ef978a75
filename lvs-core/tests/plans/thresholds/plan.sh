# changed destinations
ipvsadm -e -t 172.16.5.12:443 -r 192.168.1.13:443 -m -w 3 -x 100 -y 80
