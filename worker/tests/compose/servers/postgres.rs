//! PostgreSQL as its image starts it, with compose's first script.

use std::net::SocketAddr;
use std::process::Command;

use super::{Directory, Server, newest, run};
use crate::file::{service, text};
use crate::secrets::Secrets;

/// As the image's start script does it: makes the database, with a password for its superuser, and runs
/// what lies in the folder of first scripts.
pub(super) fn start(secrets: &Secrets, address: SocketAddr) -> Server {
    let port = address.port();
    let programs = newest("/usr/lib/postgresql", "bin/postgres");
    // It refuses to run as root; whom it runs as instead cannot read our folder.
    let base = std::env::temp_dir().join(format!("{}-postgres", secrets.directory().display()));
    std::fs::create_dir_all(&base).unwrap();
    let directory = Directory(base.clone());
    let own = secrets.of("postgres");
    std::fs::copy(own.join("postgres"), base.join("password")).unwrap();
    let is_root = run(Command::new("id").arg("-u")).unwrap().trim() == "0";
    if is_root {
        run(Command::new("chown").args(["-R", "postgres:postgres"]).arg(&base)).unwrap();
    }
    let as_postgres = |program: &str| {
        let program = programs.join(program);
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&base).env("LC_ALL", "C.UTF-8");
        command
    };
    let data = base.join("data");
    let told = service("postgres").environment();
    let mut making = as_postgres("initdb");
    making.arg("--pgdata").arg(&data).args(["--username=postgres", "--encoding=UTF8"]);
    making.arg("--pwfile").arg(base.join("password")).arg(&told["POSTGRES_INITDB_ARGS"]);
    run(&mut making).unwrap_or_else(|error| panic!("{error}"));
    let mut serving = as_postgres("postgres");
    serving.arg("-D").arg(&data).arg("-p").arg(port.to_string());
    serving.arg("-c").arg(format!("listen_addresses={}", address.ip()));
    serving.args(["-c", "unix_socket_directories="]);
    let mut server = Server::spawn("postgres", serving, secrets, address);
    server.directory = Some(directory);
    // At once, and without the shared memory that a kill would leave to the machine.
    server.ending = "QUIT";
    let check = service("postgres").health_check();
    let here = ["--host=127.0.0.1".to_owned(), format!("--host={}", address.ip())];
    let check: Vec<String> = check.iter().map(|word| word.replace(&here[0], &here[1])).collect();
    server.until_well(|| {
        let mut command = Command::new(programs.join(&check[1]));
        run(command.args(&check[2..]).arg(format!("--port={port}")))
    });
    let script =
        text("compose/postgres/hubline.sql").replace("/run/secrets", own.to_str().unwrap());
    let file = secrets.directory().join("hubline.sql");
    std::fs::write(&file, script).unwrap();
    let mut psql = Command::new(programs.join("psql"));
    psql.args(["-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--username=postgres"]);
    psql.arg(&here[1]).arg(format!("--port={port}")).arg("--file").arg(&file);
    psql.env("PGPASSWORD", secrets.read("postgres", "postgres"));
    run(&mut psql).unwrap_or_else(|error| panic!("{error}"));
    server
}
