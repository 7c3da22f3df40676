//! The one `Debug` of types that hold something about a person, or a secret.

/// Gives a type a `Debug` that tells its name, the fields that are named here, and nothing else. A field that is added
/// later is hidden until somebody names it.
macro_rules! discreet {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(**)"))
            }
        }
    };
    ($name:ident { $($field:ident),+ }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))+.finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use discreet;
