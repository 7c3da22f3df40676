#![no_main]

litebox_partner_fuzz::reader!(list_clients);
