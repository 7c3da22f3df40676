#![no_main]

litebox_partner_fuzz::reader!(grpc_timeout);
