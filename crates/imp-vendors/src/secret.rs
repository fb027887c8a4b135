//! Secrets that cannot slip into a log.

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;

/// A token, key or password; written out nowhere.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(String);

impl TryFrom<String> for Secret {
    type Error = &'static str;

    /// An empty secret protects nothing: anybody could sign with it.
    fn try_from(text: String) -> Result<Secret, &'static str> {
        if text.trim().is_empty() {
            Err("this secret is empty; give it, or leave the key out")
        } else {
            Ok(Secret(text))
        }
    }
}

impl Secret {
    /// Takes a text for a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for a header.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// HMAC-SHA256 of the parts, one after the other, in hexadecimal.
    pub fn hmac(&self, parts: &[&[u8]]) -> String {
        match Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) {
            Ok(mut mac) => {
                parts.iter().for_each(|p| mac.update(p));
                hex::encode(mac.finalize().into_bytes())
            }
            // HMAC takes keys of any length; an empty signature equals no other.
            Err(_) => String::new(),
        }
    }

    /// Whether a hexadecimal HMAC-SHA256 of the parts is right, compared in constant time.
    pub fn signed(&self, parts: &[&[u8]], signature: &str) -> bool {
        let right = self.hmac(parts);
        !right.is_empty() && bool::from(right.as_bytes().ct_eq(signature.to_ascii_lowercase().as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
