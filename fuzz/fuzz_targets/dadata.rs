#![no_main]

litebox_partner_fuzz::reader!(dadata);
