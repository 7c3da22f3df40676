//! A PostgreSQL of a test's own, to be broken: stopped at once, started again, copied to a standby, promoted. A shell runs
//! its nodes and takes orders from this process; when this process is gone, however it went, so are they.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::app::until;
use super::postgres::{binaries, unprivileged};

/// Each line is an order: what, which node, a port. The answer is one line, with the exit code at its end. Durable
/// settings are left as they are; only the making of the cluster and of its copies is not synced.
const SCRIPT: &str = r#"
bin=$1 folder=$2
cd "$folder"
end() {
    kill -QUIT "$(cat "$1.pid")" && wait "$(cat "$1.pid")"
    rm -f "$1.pid"
}
while read -r order node port; do
    case $order in
    make) "$bin/initdb" -D "$node" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >>log 2>&1 ;;
    copy) "$bin/pg_basebackup" -D "$node" -h "$folder" -p "$port" -U postgres -R -X stream --checkpoint=fast --no-sync >>log 2>&1 ;;
    start)
        "$bin/postgres" -D "$node" -k "$folder" -c port="$port" -c listen_addresses= -c max_connections=80 \
            -c shared_buffers=16MB -c max_wal_size=64MB -c wal_keep_size=64MB </dev/null >>log 2>&1 &
        echo $! >"$node.pid"
        ;;
    stop) end "$node"; true ;;
    forget) rm -rf "$node" ;;
    esac
    echo "$order $?"
done
for pid in *.pid; do [ ! -e "$pid" ] || end "${pid%.pid}"; done
rm -rf "$folder"
"#;

/// A cluster. Ends when it is dropped, and with this process.
pub struct Cluster {
    folder: PathBuf,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    nodes: u16,
    _shell: Child,
}

/// A server of a cluster. Its number is the port, which only names its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node(u16);

impl Cluster {
    /// A cluster with one running server.
    pub async fn new() -> (Self, Node) {
        let folder = tempfile::Builder::new().prefix("lb-cluster-").tempdir().unwrap().keep();
        let mut command = Command::from(unprivileged(&folder).unwrap());
        command.args(["sh", "-c", SCRIPT, "sh"]).arg(binaries().unwrap()).arg(&folder);
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = shell.stdin.take().unwrap();
        let answers = BufReader::new(shell.stdout.take().unwrap()).lines();
        let mut cluster = Self { folder, orders, answers, nodes: 0, _shell: shell };
        let node = cluster.node();
        cluster.order("make", node, node).await;
        cluster.start(node).await;
        (cluster, node)
    }

    /// Where the database of this name is on a server.
    pub fn url(&self, node: Node, database: &str) -> String {
        format!("postgres://postgres@localhost:{}/{database}?host={}", node.0, self.folder.display())
    }

    /// The socket of a server.
    pub fn socket(&self, node: Node) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", node.0))
    }

    /// Starts a server and waits until it answers; one that was stopped at once recovers first.
    pub async fn start(&mut self, node: Node) {
        self.order("start", node, node).await;
        until("PostgreSQL answers", async || self.ask(node).await.is_ok()).await;
    }

    /// Ends a server as a crash does: nothing is finished, nothing is written that was not.
    pub async fn crash(&mut self, node: Node) {
        self.order("stop", node, node).await;
    }

    /// Makes a standby of a primary and waits until the primary commits nothing that the standby does not have.
    pub async fn standby(&mut self, primary: Node) -> Node {
        let node = self.copy(primary).await;
        self.set(primary, "synchronous_standby_names", "*").await;
        let synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        until("the standby is synchronous", async || self.count(primary, synchronous).await == 1).await;
        node
    }

    /// A running copy of a primary, which does not wait for it.
    pub async fn copy(&mut self, primary: Node) -> Node {
        let node = self.node();
        self.order("copy", node, primary).await;
        self.start(node).await;
        node
    }

    /// Makes a standby the primary.
    pub async fn promote(&self, standby: Node) {
        assert!(self.all(standby, "SELECT pg_promote()").await, "the standby was not promoted in time");
    }

    /// Lets nobody write down what is committed without waiting for it, until the crash.
    pub async fn stop_writing(&self, node: Node) {
        let pid = "SELECT pid::bigint FROM pg_stat_activity WHERE backend_type = 'walwriter'";
        let pid = self.count(node, pid).await.to_string();
        assert!(std::process::Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    }

    /// Throws the files of a stopped server away.
    pub async fn forget(&mut self, node: Node) {
        self.order("forget", node, node).await;
    }

    /// Changes a setting that needs no restart.
    pub async fn set(&self, node: Node, setting: &str, value: &str) {
        let mut connection = self.ask(node).await.unwrap();
        for sql in [format!("ALTER SYSTEM SET {setting} = '{value}'"), "SELECT pg_reload_conf()".to_owned()] {
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        }
        until("the setting holds", async || self.shows(node, setting).await == value).await;
    }

    /// What a query for one number answers.
    pub async fn count(&self, node: Node, sql: &'static str) -> i64 {
        let mut connection = self.ask(node).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    }

    /// A connection to a server, past everything that stands between it and the service.
    pub async fn ask(&self, node: Node) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.url(node, "postgres")).await
    }

    async fn all(&self, node: Node, sql: &'static str) -> bool {
        sqlx::query_scalar(sql).fetch_one(&mut self.ask(node).await.unwrap()).await.unwrap()
    }

    async fn shows(&self, node: Node, setting: &str) -> String {
        let sql = sqlx::AssertSqlSafe(format!("SHOW {setting}"));
        sqlx::query_scalar(sql).fetch_one(&mut self.ask(node).await.unwrap()).await.unwrap()
    }

    fn node(&mut self) -> Node {
        self.nodes += 1;
        Node(5432 + self.nodes)
    }

    async fn order(&mut self, order: &str, node: Node, port: Node) {
        let line = format!("{order} node{} {}\n", node.0, port.0);
        self.orders.write_all(line.as_bytes()).await.unwrap();
        let answer = timeout(Duration::from_secs(60), self.answers.next_line()).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer in time: {line}")).unwrap();
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert_eq!(answer, Some(format!("{order} 0")), "{log}");
    }
}
