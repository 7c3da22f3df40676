#![no_main]

litebox_partner_fuzz::reader!(page_token);
