//! Passwords: which are good enough, and how they are kept (argon2id,
//! 19 MiB, two passes).
//!
//! Hashing is slow and large on purpose, so it runs off the async
//! threads and only a few at a time: many attempts at once wait, they
//! do not take the machine's memory.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use crate::work::engine::blocking;

pub(crate) const MIN_LENGTH: usize = 12;
/// Longer ones only cost time.
const MAX_LENGTH: usize = 256;
/// Hashes computed at once, 19 MiB each.
const AT_ONCE: usize = 2;

/// The most used ones that are long enough to pass otherwise.
const COMMON: &str = include_str!("common-passwords.txt");

/// Why a password is refused.
pub(crate) fn judge(password: &str, name: &str) -> Result<(), String> {
    let length = password.chars().count();
    if length < MIN_LENGTH {
        return Err(format!("expected at least {MIN_LENGTH} characters"));
    }
    if length > MAX_LENGTH {
        return Err(format!("expected at most {MAX_LENGTH} characters"));
    }
    let lower = password.to_lowercase();
    let mut kinds: Vec<char> = lower.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    let is_common = COMMON.lines().any(|common| common == lower);
    if is_common || kinds.len() < 4 {
        return Err("this password is among the first anybody would try".to_owned());
    }
    let name = name.to_lowercase();
    if name.len() >= 4 && lower.replace(&name, "").chars().count() < MIN_LENGTH / 2 {
        return Err("this password is hardly more than the name".to_owned());
    }
    Ok(())
}

/// A place where passwords are hashed and compared.
#[derive(Debug)]
pub(crate) struct Passwords {
    places: Semaphore,
    /// Of a password nobody has: compared with where there is no
    /// account, so that both take as long.
    nobody: std::sync::OnceLock<String>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            places: Semaphore::new(AT_ONCE),
            nobody: std::sync::OnceLock::new(),
        }
    }
}

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    #[error("draw random bytes")]
    Random(#[source] getrandom::Error),
    #[error("hash a password: {0}")]
    Hash(String),
}

impl Passwords {
    /// How it is kept.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let password = password.to_owned();
        let _place = self.places.acquire().await;
        blocking(move || hash(&password)).await
    }

    /// Whether `password` is what `kept` was made of; with nothing kept
    /// it is not, after the same time.
    pub(crate) async fn verify(
        &self,
        password: &str,
        kept: Option<String>,
    ) -> Result<bool, PasswordError> {
        let exists = kept.is_some();
        let kept = match kept {
            Some(kept) => kept,
            None => {
                if let Some(nobody) = self.nobody.get() {
                    nobody.clone()
                } else {
                    let made = self.hash("nobody has this password").await?;
                    self.nobody.get_or_init(|| made).clone()
                }
            }
        };
        let password = password.to_owned();
        let _place = self.places.acquire().await;
        let fits = blocking(move || verify(&password, &kept)).await;
        Ok(fits && exists)
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("invariant: valid parameters");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str) -> Result<String, PasswordError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(PasswordError::Random)?;
    argon2()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

fn verify(password: &str, kept: &str) -> bool {
    // Longer ones were never accepted.
    password.len() <= MAX_LENGTH * 4
        && PasswordHash::new(kept)
            .is_ok_and(|kept| argon2().verify_password(password.as_bytes(), &kept).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_common_and_named_passwords_are_refused() {
        for password in [
            "short",
            "Password1234",
            "aaaaaaaaaaaaaaaa",
            "121212121212121",
            "ada.lovelace1",
            &"x1y2".repeat(100),
        ] {
            assert!(judge(password, "ada.lovelace").is_err(), "{password}");
        }
        for password in [
            "correct horse stapler",
            "ñandú über alles",
            "tide-and-gravel-9",
        ] {
            assert_eq!(judge(password, "ada.lovelace"), Ok(()), "{password}");
        }
    }

    #[test]
    fn the_list_holds_only_what_would_pass_otherwise() {
        for common in COMMON.lines() {
            assert!(common.chars().count() >= MIN_LENGTH, "{common}");
            assert_eq!(common, common.to_lowercase());
        }
    }

    #[tokio::test]
    async fn a_password_is_kept_as_argon2id_and_recognised() {
        let passwords = Passwords::default();
        let kept = passwords.hash("tide-and-gravel-9").await.unwrap();
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        assert_ne!(kept, passwords.hash("tide-and-gravel-9").await.unwrap());
        let right = passwords.verify("tide-and-gravel-9", Some(kept.clone()));
        assert!(right.await.unwrap());
        let wrong = passwords.verify("tide-and-gravel-8", Some(kept));
        assert!(!wrong.await.unwrap());
        assert!(!passwords.verify("tide-and-gravel-9", None).await.unwrap());
        let odd = passwords.verify("nobody has this password", Some("$odd".to_owned()));
        assert!(!odd.await.unwrap());
    }
}
