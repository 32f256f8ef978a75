# virtual IPs
ip address replace 2001:db8:5::11/128 dev eth0 preferred_lft 0
