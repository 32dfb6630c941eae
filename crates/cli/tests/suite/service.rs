//! The whole way with the command alone, against the real service: wallet, deposit, quota, submit, status, watch, inclusion.

use std::fs;

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::ext::AnvilApi,
};
use serde_json::Value;

use crate::{
    command::{code, file, json_in, repository, start},
    service_fixture::Service,
};

/// One user's command: a home of their own, and the service's profile.
struct User {
    home: String,
    network: String,
}

impl User {
    fn new(service: &Service, name: &str) -> Self {
        Self { home: file(service.folder.path(), name), network: service.profile_file() }
    }

    fn environment(&self) -> [(&str, &str); 3] {
        [
            ("COLLIMATE_HOME", &self.home),
            ("COLLIMATE_NETWORK", &self.network),
            ("COLLIMATE_PASSWORD", "s3cret"),
        ]
    }

    fn ask(&self, arguments: &[&str], exit: i32) -> Value {
        tokio::task::block_in_place(|| json_in(&self.environment(), arguments, exit))
    }
}

/// The sample proofs with their keys, in a folder of their own.
fn proofs(service: &Service, names: &[&str]) -> String {
    let folder = service.folder.path().join("proofs");
    fs::create_dir_all(&folder).unwrap();
    for name in names {
        for extension in ["proof", "vk"] {
            let file = format!("{name}.{extension}");
            fs::copy(repository().join("proofs").join(&file), folder.join(&file)).unwrap();
        }
    }
    folder.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_home_to_an_inclusion_that_is_checked_on_chain() {
    let mut service = Service::start().await;
    let alice = User::new(&service, "alice");
    let ask = |arguments: &[&str], exit: i32| alice.ask(arguments, exit);

    let address = ask(&["wallet", "new"], 0)["address"].as_str().unwrap().to_owned();
    assert_eq!(code(&ask(&["deposit", "--yes"], 4)), "CHN-021", "the wallet is empty");
    let ether = U256::from(10).pow(U256::from(18));
    service.network.provider.anvil_set_balance(address.parse().unwrap(), ether).await.unwrap();

    // What is on offer.
    let offer = ask(&["deposit", "--dry-run", "--credits", "2"], 0);
    assert_eq!(offer["offer"]["price_wei"], "1000000000000000");
    assert_eq!(offer["order"]["price_wei"], "2000000000000000");
    assert_eq!(offer["offer"]["confirmations"], 2);
    assert_eq!(offer["purchase"], Value::Null);
    assert_eq!(code(&ask(&["deposit", "--credits", "2"], 2)), "CLI-004", "nobody consents");
    assert_eq!(code(&ask(&["deposit", "--package", "9", "--yes"], 4)), "SDK-025");
    assert_eq!(code(&ask(&["deposit", "--credits", "99999", "--yes"], 4)), "SDK-025");

    // Without credits nothing is taken.
    let folder = proofs(&service, &["fibonacci", "sha256_preimage", "ecdsa_secp256k1"]);
    let poor = ask(&["submit", &folder], 4);
    assert_eq!(poor["accepted"].as_array().unwrap().len(), 0);
    assert_eq!(poor["failed"].as_array().unwrap().len(), 3, "the rest is tried when one fails");
    assert_eq!(code(&poor["failed"][0]), "GTW-009");

    let bought = ask(&["deposit", "--credits", "2", "--yes"], 0);
    assert_eq!(bought["credited"], true);
    assert_eq!(bought["purchase"]["credits"], 2);
    assert_eq!(bought["purchase"]["amount_wei"], "2000000000000000");
    let quota = ask(&["quota"], 0);
    assert_eq!((&quota["credits"], &quota["nonce"]), (&2.into(), &0.into()));
    assert!(quota["next_expiry"].as_u64().unwrap() > 0);

    // Two credits, three proofs.
    let receipts = file(service.folder.path(), "receipts");
    let submitted = ask(&["submit", &folder, "--receipts", &receipts], 4);
    let accepted = submitted["accepted"].as_array().unwrap().clone();
    assert_eq!(accepted.len(), 2);
    assert_eq!(submitted["failed"].as_array().unwrap().len(), 1);
    assert_eq!(accepted[0]["receipt"]["nonce"], 0);
    assert_eq!(accepted[1]["receipt"]["nonce"], 1);
    let kept = fs::read_to_string(format!("{receipts}/ecdsa_secp256k1.receipt.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), accepted[0]["receipt"]);

    // A friend pays, and the same command goes on with what is missing.
    let friend = User::new(&service, "friend");
    let other = friend.ask(&["wallet", "new"], 0)["address"].as_str().unwrap().to_owned();
    service.network.provider.anvil_set_balance(other.parse().unwrap(), ether).await.unwrap();
    let gift = friend.ask(&["deposit", "--package", "0", "--for", &address, "--yes"], 0);
    assert_eq!(gift["purchase"]["account"], address.as_str());
    let resumed = ask(&["submit", &folder], 0);
    let paid: Vec<_> =
        resumed["accepted"].as_array().unwrap().iter().map(|proof| proof["paid"].clone()).collect();
    assert_eq!(paid, [false, false, true]);
    assert_eq!(resumed["accepted"][0]["id"], accepted[0]["id"]);
    assert_eq!(resumed["accepted"][0]["receipt"], accepted[0]["receipt"]);
    assert_eq!(ask(&["quota"], 0)["credits"], 9);

    // Where they stand.
    let id = accepted[0]["id"].as_str().unwrap();
    assert_eq!(ask(&["status", id], 0)["proofs"][0]["status"], "queued");
    assert_eq!(ask(&["list"], 0)["proofs"].as_array().unwrap().len(), 3);
    let page = ask(&["list", "--limit", "2", "--status", "queued"], 0);
    let rest = ask(&["list", "--after", page["next"].as_str().unwrap()], 0);
    assert_eq!(rest["proofs"].as_array().unwrap().len(), 1);
    assert_eq!(ask(&["list", "--address", &other], 0)["proofs"].as_array().unwrap().len(), 0);
    assert_eq!(code(&ask(&["inclusion", id], 5)), "GTW-012");
    assert_eq!(code(&ask(&["watch", id, "--timeout", "1"], 5)), "SDK-035");
    let nobody = "0198f3c2-7d8e-7c3a-9a55-0c8a3f1d2b4e";
    assert_eq!(code(&ask(&["status", nobody], 2)), "GTW-011");

    service.aggregate().await;
    let watched = tokio::task::block_in_place(|| start(&alice.environment(), &["watch", id]));
    assert!(watched.status.success());
    assert!(String::from_utf8(watched.stderr).unwrap().contains("final"));

    // On chain.
    let proof = format!("{folder}/ecdsa_secp256k1.proof");
    let bundle = file(service.folder.path(), "bundle.json");
    let included = ask(&["inclusion", id, "--proof", &proof, "--out", &bundle], 0);
    assert_eq!((&included["holds"], &included["proof_verified"]), (&true.into(), &true.into()));
    assert_eq!(included["bundle"]["commitment"], accepted[0]["commitment"]);
    // The contract's word for it, and the service's.
    assert_eq!(included["guarantee"], "hard");
    assert_eq!(included["hard_since"], included["bundle"]["block_number"]);
    let told = &ask(&["status", id], 0)["proofs"][0];
    assert_eq!(
        (&told["guarantee"], &told["hard_since"]),
        (&included["guarantee"], &included["hard_since"])
    );
    let foreign = format!("{folder}/fibonacci.proof");
    assert_eq!(code(&ask(&["inclusion", id, "--proof", &foreign], 1)), "SDK-040");
    assert_eq!(ask(&["verify-bundle", &bundle], 0)["on_chain"], true);

    // Without the service.
    service.close_gateway().await;
    let rebuilt = ask(&["verify-inclusion", "--proof", &proof], 0);
    assert_eq!(rebuilt["bundle"], included["bundle"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_proofs_cost_nothing_and_exit_with_one() {
    let service = Service::start().await;
    let alice = User::new(&service, "alice");
    let address = alice.ask(&["wallet", "new"], 0)["address"].as_str().unwrap().to_owned();
    let ether = U256::from(10).pow(U256::from(18));
    service.network.provider.anvil_set_balance(address.parse().unwrap(), ether).await.unwrap();
    alice.ask(&["deposit", "--yes"], 0);

    let folder = proofs(&service, &["fibonacci"]);
    let good = format!("{folder}/fibonacci.proof");
    let mut bytes = fs::read(&good).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let bad = format!("{folder}/bad.proof");
    fs::write(&bad, &bytes).unwrap();
    let key = format!("{folder}/fibonacci.vk");

    // Found here, and, if not looked for here, by the service. The good one goes through all the same.
    let here = alice.ask(&["submit", &bad, "--vk", &key], 1);
    assert!(code(&here["failed"][0]).starts_with("VER-"), "{here}");
    let there = alice.ask(&["submit", &bad, &good, "--vk", &key, "--no-verify"], 1);
    assert_eq!(code(&there["failed"][0]), "GTW-010");
    assert_eq!(there["accepted"].as_array().unwrap().len(), 1);
    assert_eq!(alice.ask(&["quota"], 0)["credits"], 0);
    assert_eq!(
        code(&alice.ask(&["submit", &format!("{folder}/none.proof")], 2)["failed"][0]),
        "CLI-001"
    );
    assert_eq!(
        code(
            &alice.ask(&["submit", &service.folder.path().join("home").display().to_string()], 2)["failed"]
                [0]
        ),
        "CLI-001"
    );
}

/// Code of a wallet that takes its owner's signature and nobody else's:
/// `ecrecover(hash, v, r, s) == owner ? return 0x1626ba7e : revert`.
fn wallet_of(owner: &str) -> Bytes {
    let code = [
        "600435600052",
        "60a43560001a602052",
        "606435604052",
        "608435606052",
        "602060006080600060015afa50",
        "60005173",
        owner.trim_start_matches("0x"),
        "14604957",
        "60006000fd",
        "5b631626ba7e60e01b60005260206000f3",
    ];
    code.concat().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_wallet_pays_by_its_owners_signature_alone() {
    let service = Service::start().await;
    let (alice, mallory) = (User::new(&service, "alice"), User::new(&service, "mallory"));
    let owner = alice.ask(&["wallet", "new"], 0)["address"].as_str().unwrap().to_owned();
    mallory.ask(&["wallet", "new"], 0);
    let node = &service.network.provider;
    let ether = U256::from(10).pow(U256::from(18));
    node.anvil_set_balance(owner.parse().unwrap(), ether).await.unwrap();
    let wallet = Address::repeat_byte(0x31);
    node.anvil_set_code(wallet, wallet_of(&owner)).await.unwrap();
    let wallet = wallet.to_string();

    let bought = alice.ask(&["deposit", "--credits", "2", "--for", &wallet, "--yes"], 0);
    assert_eq!(bought["purchase"]["account"], wallet.as_str());
    let folder = proofs(&service, &["fibonacci", "sha256_preimage"]);
    let (first, second) =
        (format!("{folder}/fibonacci.proof"), format!("{folder}/sha256_preimage.proof"));

    let of_wallet = ["submit", first.as_str(), "--account", wallet.as_str()];
    assert_eq!(code(&mallory.ask(&of_wallet, 4)["failed"][0]), "GTW-006");
    let submitted = alice.ask(&of_wallet, 0);
    assert_eq!(submitted["accepted"][0]["paid"], true);
    assert_eq!(submitted["accepted"][0]["receipt"]["account"], wallet.as_str());
    assert_eq!(alice.ask(&of_wallet, 0)["accepted"][0]["paid"], false, "the same again is free");
    // The wallet's credits are not its owner's.
    assert_eq!(code(&alice.ask(&["submit", &second], 4)["failed"][0]), "GTW-009");

    let quota = alice.ask(&["quota", &wallet], 0);
    assert_eq!((&quota["credits"], &quota["nonce"]), (&1.into(), &1.into()));
    let listed = alice.ask(&["list", "--address", &wallet], 0);
    assert_eq!(listed["proofs"].as_array().unwrap().len(), 1);
}
