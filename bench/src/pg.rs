//! A PostgreSQL of our own, in a folder and on a socket of its own, with the settings that `initdb` gives; and pgbench on it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// Ends when its input does, so with this process, however that ends.
const SCRIPT: &str = r#"
set -e
cd "$2"
"$1/initdb" -D data -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >initdb.log 2>&1
"$1/postgres" -D data -k "$2" -c listen_addresses= -c max_connections=300 \
    -c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.track=all </dev/null >postgres.log 2>&1 &
server=$!
cat >/dev/null || true
kill -INT "$server"
wait "$server" || true
rm -rf data *.log
"#;

/// The running server.
pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    /// Holds the pipe that keeps the server alive.
    script: Child,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // What it wrote it removes itself, as the user that wrote it.
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

impl Postgres {
    /// Starts it.
    pub fn start(folder: PathBuf) -> Outcome<Self> {
        let bin = binaries().ok_or("PostgreSQL with pgbench is not installed")?;
        fs::create_dir_all(&folder)?;
        let mut command = unprivileged(&folder)?;
        command.args(["sh", "-c", SCRIPT, "sh"]).arg(&bin).arg(&folder);
        let script = command.stdin(Stdio::piped()).spawn()?;
        let mut server = Self { bin, folder, script };
        let give_up = Instant::now() + Duration::from_secs(60);
        while server.sql("SELECT 1").is_err() {
            if Instant::now() > give_up || server.script.try_wait()?.is_some() {
                return Err("PostgreSQL did not start".into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        server.sql("CREATE EXTENSION pg_stat_statements")?;
        Ok(server)
    }

    /// Where its database is.
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.display())
    }

    /// The process whose children serve the connections.
    pub fn pid(&self) -> u32 {
        let text = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        text.lines().next().and_then(|line| line.parse().ok()).unwrap_or_default()
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.arg("-h").arg(&self.folder).args(["-U", "postgres", "-d", "postgres"]);
        command
    }

    /// Runs statements; what the last one answers, fields parted by `|`.
    pub fn sql(&self, statements: &str) -> Outcome<String> {
        let mut psql = self.client("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().ok_or("no input")?.write_all(statements.as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("{statements:.200}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The same, as a number.
    pub fn number(&self, statement: &str) -> Outcome<i64> {
        let text = self.sql(statement)?;
        text.parse().map_err(|_| format!("{statement}: {text}").into())
    }

    /// Transactions a second that 8 connections of pgbench reach with this script.
    pub fn pgbench(&self, script: &str, time: Duration) -> Outcome<f64> {
        let file = self.folder.join(format!("floor-{}.sql", uuid::Uuid::new_v4()));
        fs::write(&file, script)?;
        let mut pgbench = self.client("pgbench");
        let seconds = time.as_secs().max(1).to_string();
        pgbench.args(["-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", &seconds, "-f"]).arg(&file);
        let output = pgbench.output()?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let rate = told.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        let failed = told.contains("number of failed transactions: 0") || !told.contains("number of failed");
        match (output.status.success() && failed, rate) {
            (true, Some(rate)) => Ok(rate),
            _ => {
                let told = String::from_utf8_lossy(&output.stderr);
                let errors: Vec<&str> = told.lines().filter(|line| line.contains("ERROR")).take(2).collect();
                Err(format!("pgbench: {errors:?} in {script:.4000}").into())
            }
        }
    }

    /// Copies the rows `of` a table so often, with other values in some columns; `g` counts from 1.
    pub fn copies(&self, table: &str, of: &str, times: u64, other: &[(&str, &str)]) -> Outcome<()> {
        self.sql(&self.copying(table, of, times, other)?).map(drop)
    }

    /// Copies the only row of a table millions of times: nothing is checked meanwhile, and the indexes are built after it.
    pub fn many(&self, table: &str, times: u64, other: &[(&str, String)]) -> Outcome<()> {
        let of_constraints = "(SELECT conindid FROM pg_constraint)";
        let indexes = format!(
            "FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = '{table}'::regclass AND indexrelid NOT IN {of_constraints}"
        );
        let build = self.sql(&format!("SELECT string_agg(pg_get_indexdef(indexrelid), '; ') {indexes}"))?;
        let leave = self.sql(&format!("SELECT string_agg('DROP INDEX ' || c.relname, '; ') {indexes}"))?;
        let other: Vec<_> = other.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let copy = self.copying(table, "true", times, &other)?;
        self.sql(&format!(
            "SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; {leave}; {copy}; {build}"
        ))
        .map(drop)
    }

    fn copying(&self, table: &str, of: &str, times: u64, other: &[(&str, &str)]) -> Outcome<String> {
        let columns = self.sql(&format!(
            "SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
        ))?;
        let value =
            |name: &str| other.iter().find(|(n, _)| *n == name).map_or(format!("t.{name}"), |(_, v)| (*v).to_owned());
        let values: Vec<String> = columns.lines().map(value).collect();
        Ok(format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {table} t, generate_series(1, {times}) g WHERE {of}",
            columns.lines().collect::<Vec<_>>().join(", "),
            values.join(", ")
        ))
    }

    /// The next number of a transaction that writes: what lies between two of them has been begun.
    pub fn writes(&self) -> Outcome<i64> {
        self.number("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    }

    /// The statements that were asked `times` times at least and that begin with `word`, as the database keeps them: values are `$1`.
    pub fn statements(&self, word: &str, times: u64) -> Outcome<Vec<String>> {
        let sql = format!(
            "SELECT replace(query, chr(10), ' ') FROM pg_stat_statements WHERE query ILIKE '{word}%' \
             AND calls >= {times} AND query NOT ILIKE '%pg_%' AND query NOT ILIKE '%access_change%' ORDER BY query"
        );
        Ok(self.sql(&sql)?.lines().map(str::to_owned).collect())
    }
}

/// Which PostgreSQL is measured.
pub fn version() -> String {
    let output = binaries().and_then(|bin| Command::new(bin.join("postgres")).arg("--version").output().ok());
    let told = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    format!(
        "PostgreSQL {}",
        told.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).unwrap_or("?")
    )
}

fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin"));
    let mut all: Vec<PathBuf> = std::env::split_paths(&path).chain(debian).collect();
    all.reverse();
    all.into_iter().find(|dir| ["initdb", "postgres", "pgbench", "psql"].iter().all(|name| dir.join(name).exists()))
}

/// PostgreSQL refuses to run as root.
fn unprivileged(folder: &Path) -> Outcome<Command> {
    let number = |args: &[&str]| -> Option<u32> {
        String::from_utf8(Command::new("id").args(args).output().ok()?.stdout).ok()?.trim().parse().ok()
    };
    if number(&["-u"]) != Some(0) {
        return Ok(Command::new("env"));
    }
    let (uid, gid) = number(&["-u", "postgres"]).zip(number(&["-g", "postgres"])).ok_or("there is no user postgres")?;
    chown(folder, Some(uid), Some(gid))?;
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--clear-groups");
    Ok(command)
}
