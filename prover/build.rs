//! Tells the program whether its engine is the patched one, and stops with the remedy when
//! `engine-patch/apply.sh` was not run.

fn main() {
    println!("cargo:rerun-if-changed=.engine/stamp");
    println!("cargo:rustc-check-cfg=cfg(collimate_patched_engine)");
    let Ok(stamp) = std::fs::read_to_string(".engine/stamp") else {
        println!("cargo:error=run prover/engine-patch/apply.sh first");
        return;
    };
    if stamp.trim().ends_with("-patched") {
        println!("cargo:rustc-cfg=collimate_patched_engine");
    }
}
