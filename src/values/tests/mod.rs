//! Tables of good and bad cases, published vectors, properties.

mod cases;
mod properties;
mod vectors;
