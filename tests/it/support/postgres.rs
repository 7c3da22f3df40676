//! One PostgreSQL for the test process, on a socket in a folder of its own; it ends with the process, however that ends.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

/// Ends when its input does: the writing end is this process's, so even a kill -9 ends the server. Durable settings are
/// left as they are; only the making of the cluster is not synced.
const SCRIPT: &str = r#"
set -e
asked=
# With a file for them, the statements that anybody sends, with their parameters, each after the name of the program.
if [ -n "${LITEBOX_TEST_ASKED:-}" ]; then
    asked="-c log_statement=all -c log_line_prefix=%a|"
fi
cd "$2"
"$1/initdb" -D data -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >initdb.log 2>&1
"$1/postgres" -D data -k "$2" -c listen_addresses= -c max_connections=300 $asked </dev/null >>"${LITEBOX_TEST_ASKED:-postgres.log}" 2>&1 &
server=$!
cat >/dev/null || true
kill -INT "$server"
wait "$server" || true
rm -rf "$2"
"#;

/// The running server.
pub struct Postgres {
    folder: PathBuf,
    /// Holds the pipe that keeps the server alive.
    _script: Child,
}

/// The server of this process; why there is none.
pub fn server() -> Result<&'static Postgres, &'static str> {
    static SERVER: OnceLock<Result<Postgres, String>> = OnceLock::new();
    SERVER.get_or_init(|| binaries().and_then(|bin| start(&bin))).as_ref().map_err(String::as_str)
}

impl Postgres {
    /// Where the database of this name is.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    /// Runs one statement outside any test's database.
    pub async fn admin(&self, sql: String) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await?;
        connection.close().await
    }

    /// The socket, for tests that stand between the service and its database.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }
}

/// The newest installed server: in PATH, or where Debian puts it.
pub(super) fn binaries() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/local/bin".into());
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin"));
    let mut debian: Vec<PathBuf> = debian.collect();
    debian.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    folders.extend(debian);
    let complete = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    let found = folders.into_iter().find(complete);
    // A link to one program: the others stand beside what it leads to.
    let beside = |folder: PathBuf| folder.join("initdb").canonicalize().ok()?.parent().map(Path::to_owned);
    found.and_then(beside).ok_or_else(|| "PostgreSQL is not installed: no initdb anywhere".to_owned())
}

fn version(folder: &Path) -> u32 {
    let parent = folder.parent().and_then(Path::file_name).and_then(|n| n.to_str());
    parent.and_then(|v| v.parse().ok()).unwrap_or_default()
}

fn start(bin: &Path) -> Result<Postgres, String> {
    let folder = tempfile::Builder::new().prefix("lb-pg-").tempdir().map_err(|e| e.to_string())?.keep();
    let mut command = unprivileged(&folder)?;
    command.args(["sh", "-c", SCRIPT, "sh"]).arg(bin).arg(&folder);
    let script = command.stdin(Stdio::piped()).spawn().map_err(|e| format!("sh: {e}"))?;
    let mut server = Postgres { folder, _script: script };
    server.wait().map(|()| server)
}

/// PostgreSQL refuses to run as root: root becomes the postgres user, or nobody where there is none.
pub(super) fn unprivileged(folder: &Path) -> Result<Command, String> {
    if number("id", &["-u"]) != Some(0) {
        return Ok(Command::new("env"));
    }
    for user in ["postgres", "nobody"] {
        if let (Some(uid), Some(gid)) = (number("id", &["-u", user]), number("id", &["-g", user])) {
            chown(folder, Some(uid), Some(gid)).map_err(|e| e.to_string())?;
            let mut command = Command::new("setpriv");
            command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--clear-groups");
            return Ok(command);
        }
    }
    Err("there is no user to run PostgreSQL as".to_owned())
}

fn number(program: &str, args: &[&str]) -> Option<u32> {
    let output = Command::new(program).args(args).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

impl Postgres {
    fn wait(&mut self) -> Result<(), String> {
        let give_up = Instant::now() + Duration::from_secs(60);
        while Instant::now() < give_up {
            // A socket that answers, not only one that is there: recovery may still be going on.
            if std::os::unix::net::UnixStream::connect(self.socket()).is_ok() && self.answers() {
                return Ok(());
            }
            if let Ok(Some(status)) = self._script.try_wait() {
                return Err(format!("PostgreSQL did not start ({status}); see {}", self.folder.display()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("PostgreSQL did not answer in time; see {}", self.folder.display()))
    }

    fn answers(&self) -> bool {
        apart(|| async { PgConnection::connect(&self.url("postgres")).await.is_ok() })
    }
}

/// Runs a future to its end on a runtime and a thread of its own: callers may be inside a runtime that must not block.
pub fn apart<T: Send, F: Future<Output = T>>(work: impl FnOnce() -> F + Send) -> T {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work());
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}
