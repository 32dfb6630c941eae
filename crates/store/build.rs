//! Queries are checked against the metadata in `.sqlx`, never against whatever database a developer's or a
//! server's environment happens to name. Only `prepare.sh` asks a real server.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=.sqlx");
    println!("cargo::rerun-if-env-changed=COLLIMATE_PREPARE_QUERIES");
    if std::env::var_os("COLLIMATE_PREPARE_QUERIES").is_none() {
        println!("cargo::rustc-env=SQLX_OFFLINE=true");
    }
}
