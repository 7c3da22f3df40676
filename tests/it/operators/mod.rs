//! What LiteBox's support does, through the library and through the real binary.

mod switches;
