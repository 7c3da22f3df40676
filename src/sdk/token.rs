//! The token that goes with each call.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tonic::metadata::{Ascii, MetadataValue};

use super::options::{Options, OptionsError};

/// How old what was read from a file may be when it is sent.
const AGE: Duration = Duration::from_secs(10);

type Header = MetadataValue<Ascii>;

/// Gives the token for a call. Nothing watches the file: it is looked at when a call needs it.
pub(super) struct Tokens {
    file: Option<PathBuf>,
    known: Mutex<Known>,
}

struct Known {
    header: Option<Header>,
    read: Instant,
}

impl Tokens {
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        let header = match (&options.token, &options.token_file) {
            (Some(token), _) => Some(header(token).ok_or(OptionsError::Token)?),
            (None, Some(file)) => Some(first(file)?),
            (None, None) => None,
        };
        Ok(Self { file: options.token_file.clone(), known: Mutex::new(Known { header, read: Instant::now() }) })
    }

    /// The header to send.
    pub(super) async fn current(&self) -> Option<Header> {
        let mut known = self.known.lock().await;
        if known.read.elapsed() >= AGE {
            self.load(&mut known).await;
        }
        known.header.clone()
    }

    /// Reads the file at once and tells whether there is another token now than the one that was refused.
    pub(super) async fn replaced(&self, refused: Option<&Header>) -> bool {
        let mut known = self.known.lock().await;
        self.load(&mut known).await;
        self.file.is_some() && known.header.as_ref() != refused
    }

    /// What cannot be read, or is empty as it is for a moment while somebody writes, leaves the known token in its place: it
    /// may still be good, and the service says so when it is not.
    async fn load(&self, known: &mut Known) {
        let Some(file) = &self.file else { return };
        known.read = Instant::now();
        if let Some(header) = tokio::fs::read_to_string(file).await.ok().as_deref().and_then(header) {
            known.header = Some(header);
        }
    }
}

fn first(file: &Path) -> Result<Header, OptionsError> {
    let wrong = |why: String| OptionsError::File { setting: "token_file", path: file.to_owned(), why };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    header(&text).ok_or_else(|| wrong("it holds no token".into()))
}

fn header(token: &str) -> Option<Header> {
    let token = token.trim();
    let whole = !token.is_empty() && !token.contains(char::is_whitespace);
    let mut header: Header = format!("Bearer {token}").parse().ok().filter(|_| whole)?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use std::fs::write;

    use super::*;

    /// What was read last was read so long ago.
    async fn aged(tokens: &Tokens, age: Duration) {
        let mut known = tokens.known.lock().await;
        known.read = Instant::now().checked_sub(age).unwrap();
    }

    async fn shown(tokens: &Tokens) -> String {
        tokens.current().await.unwrap().to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_file_is_read_anew_after_ten_seconds_and_its_token_outlives_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        write(&file, "one\n").unwrap();
        let tokens = Tokens::new(&Options { token_file: Some(file.clone()), ..Options::default() }).unwrap();
        write(&file, "two\n").unwrap();
        aged(&tokens, Duration::from_secs(9)).await;
        assert_eq!(shown(&tokens).await, "Bearer one");
        aged(&tokens, Duration::from_secs(10)).await;
        assert_eq!(shown(&tokens).await, "Bearer two");
        for broken in ["", "two words"] {
            write(&file, broken).unwrap();
            aged(&tokens, AGE).await;
            assert_eq!(shown(&tokens).await, "Bearer two");
        }
        let refused = tokens.current().await;
        assert!(!tokens.replaced(refused.as_ref()).await, "the same one is not shown again");
    }
}
