//! Passwords, kept only as salted hashes: argon2id, or SHA-256 where a benchmark asks for speed.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use sha2::{Digest, Sha256};

use crate::clock::Ids;

/// Hashes a password with a new salt; `None` when the hash function refuses it (longer than 4 GiB).
pub fn hash(password: &str, slow: bool, ids: &Ids) -> Option<String> {
    let mut salt = [0; 16];
    ids.random(&mut salt);
    if slow {
        return Argon2::default()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .ok()
            .map(|h: PasswordHash| h.to_string());
    }
    let salt = hex(&salt);
    Some(format!("sha256:{salt}:{}", fast(&salt, password)))
}

/// True when this is the password of the hash.
pub fn verify(password: &str, hash: &str) -> bool {
    if let Some((salt, digest)) = hash.strip_prefix("sha256:").and_then(|rest| rest.split_once(':')) {
        return fast(salt, password) == digest;
    }
    PasswordHash::new(hash).is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
}

fn fast(salt: &str, password: &str) -> String {
    hex(&Sha256::digest(format!("{salt}:{password}")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        for slow in [true, false] {
            let made = hash("aB1!_-", slow, &Ids::system()).unwrap();
            assert!(verify("aB1!_-", &made) && !verify("aB1!_", &made));
            assert!(!made.contains("aB1!_-"));
            assert_eq!(made.starts_with("$argon2id$"), slow);
        }
    }
}
