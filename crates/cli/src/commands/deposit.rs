//! `collimate deposit`.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use clap::Args;
use collimate_sdk::{Amount, Client, NetworkProfile, Offer, Order, Purchase};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::{
    error::CliError,
    format::{duration, ether, time},
    home::journal,
    keys::{KeyArgs, consent},
    networks::Networks,
    outcome::{Outcome, Progress, Rows},
};

const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "One credit pays for the aggregation of one proof, until it expires. Credits are not refunded. A deposit that was \
    interrupted is finished by the same command; after that the same command is a new deposit.\n\nExamples:\n  \
    collimate deposit --dry-run                  (what is on offer)\n  \
    collimate deposit --credits 3\n  \
    collimate deposit --package 0 --for 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --yes --json"
)]
pub(crate) struct DepositArgs {
    /// Buy so many credits
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..), default_value_t = 1)]
    credits: u64,
    /// Buy a package, by its number in the offer
    #[arg(long, value_name = "NUMBER", conflicts_with = "credits")]
    package: Option<u64>,
    /// Who may spend the credits. Default: the paying account
    #[arg(long = "for", value_name = "ADDRESS")]
    account: Option<Address>,
    /// Show offer and price, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before paying
    #[arg(long, short)]
    yes: bool,
    /// Do not wait until the service knows the credits
    #[arg(long)]
    no_wait: bool,
    /// Seconds to wait for the credits, once the deposit is in a block
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout: u64,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    offer: ReportedOffer,
    order: ReportedOrder,
    /// Absent with `--dry-run`.
    purchase: Option<Purchase>,
    /// Whether the service knows the credits; null if it was not waited for.
    credited: Option<bool>,
}

/// Amounts are text: JSON's numbers lose the last digits of wei.
#[derive(Debug, Serialize)]
struct ReportedOffer {
    terms_id: u64,
    price_wei: String,
    validity_seconds: u64,
    left_today: u64,
    packages: Vec<ReportedPackage>,
    confirmations: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ReportedPackage {
    credits: u64,
    price_wei: String,
}

#[derive(Debug, Serialize)]
struct ReportedOrder {
    account: Address,
    credits: u64,
    price_wei: String,
}

pub(crate) async fn run(
    args: &DepositArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let account = args.key.address_or(args.account)?;
    let amount = args.package.map_or(Amount::Credits(args.credits), Amount::Package);
    let offer = client.payments().await?.offer().await?;
    let order = offer.order(account, amount)?;
    for line in describe(&offer, &order, client.profile()) {
        progress.say(&line);
    }
    if args.dry_run {
        return Ok(report(&offer, &order, client.profile(), None, None));
    }
    let signer = args.key.signer()?;
    let question = format!("Pay {} from {}?", ether(order.price_wei), signer.address());
    consent(args.yes, &question)?;
    // Before the deposit: what it adds can be seen afterwards. Nobody who will wait in vain should pay first.
    let before = match args.no_wait {
        true => None,
        false => Some(client.gateway()?.quota(account).await?.total),
    };
    let payer = client.payer(signer, &journal()?).await?;
    let resumed = payer.is_interrupted(&order).await?;
    progress.say(match resumed {
        true => "finishing the same deposit, which was interrupted",
        false => "sending the deposit",
    });
    let purchase = payer.buy(&order).await?;
    payer.stop().await;
    let (transaction, block) = (purchase.transaction, purchase.block_number);
    progress.say(&format!("bought in block {block} by {transaction}"));
    let credited = match before {
        None => None,
        Some(before) => {
            progress.say("waiting for the service to count the confirmations");
            // An interrupted deposit may have been counted before.
            let enough = (!resumed).then(|| before.saturating_add(purchase.credits));
            let limit = Duration::from_secs(args.timeout);
            wait_for_credit(&client, &purchase, enough, limit).await?;
            Some(true)
        }
    };
    Ok(report(&offer, &order, client.profile(), Some(purchase), credited))
}

/// Waits until the service has counted the credits: until the account was given `enough` in all, or, if that is not known, until it
/// has some and waits for none.
async fn wait_for_credit(
    client: &Client,
    purchase: &Purchase,
    enough: Option<u64>,
    limit: Duration,
) -> Result<(), CliError> {
    let gateway = client.gateway()?;
    let confirmations = client.profile().payment_confirmations.unwrap_or(1);
    let confirmed_in = purchase.block_number.saturating_add(confirmations);
    let started = Instant::now();
    loop {
        let total = gateway.quota(purchase.account).await?.total;
        let is_credited = match enough {
            Some(enough) => total >= enough,
            None => {
                let head = client.aggregation().await?.latest_block().await?;
                let unconfirmed = gateway.account(purchase.account).await?.unconfirmed;
                total >= purchase.credits && unconfirmed == 0 && head >= confirmed_in
            }
        };
        if is_credited {
            return Ok(());
        }
        if started.elapsed() >= limit {
            let (transaction, seconds) = (purchase.transaction, limit.as_secs());
            return Err(CliError::NotCredited { transaction, seconds });
        }
        sleep(LOOK_EVERY).await;
    }
}

fn describe(offer: &Offer, order: &Order, profile: &NetworkProfile) -> Vec<String> {
    let terms = &offer.terms;
    let validity = duration(Duration::from_secs(terms.validity_seconds));
    let price = ether(U256::from(terms.price_wei));
    let mut lines = vec![format!(
        "a credit costs {price} and is valid for {validity}; {} are left today",
        offer.left_today
    )];
    for (index, package) in terms.packages.iter().enumerate() {
        let price = ether(U256::from(package.price_wei));
        lines.push(format!("package {index}: {} credits for {price}", package.credits));
    }
    lines.push(format!(
        "ordered: {} credits for {}, price {} and gas",
        order.credits,
        order.account,
        ether(order.price_wei)
    ));
    lines.push(match profile.payment_confirmations {
        Some(1) => "they can be spent as soon as the deposit is in a block".to_owned(),
        Some(count) => format!("they can be spent after {count} confirmations"),
        None => "they can be spent after the confirmations that the service asks for".to_owned(),
    });
    lines
}

fn report(
    offer: &Offer,
    order: &Order,
    profile: &NetworkProfile,
    purchase: Option<Purchase>,
    credited: Option<bool>,
) -> Outcome {
    let rows = rows(order, purchase.as_ref(), credited);
    let package = |package: &collimate_contracts::Package| ReportedPackage {
        credits: package.credits,
        price_wei: package.price_wei.to_string(),
    };
    let report = Report {
        offer: ReportedOffer {
            terms_id: offer.terms_id,
            price_wei: offer.terms.price_wei.to_string(),
            validity_seconds: offer.terms.validity_seconds,
            left_today: offer.left_today,
            packages: offer.terms.packages.iter().map(package).collect(),
            confirmations: profile.payment_confirmations,
        },
        order: ReportedOrder {
            account: order.account,
            credits: order.credits,
            price_wei: order.price_wei.to_string(),
        },
        purchase,
        credited,
    };
    Outcome::new(&report, rows)
}

fn rows(order: &Order, purchase: Option<&Purchase>, credited: Option<bool>) -> Rows {
    let mut rows = vec![
        ("account", order.account.to_string()),
        ("credits", order.credits.to_string()),
        ("price", ether(order.price_wei)),
    ];
    let Some(purchase) = purchase else {
        rows.push(("sent", "nothing (--dry-run)".to_owned()));
        return rows;
    };
    rows.extend([
        ("expires", time(purchase.expires_at)),
        ("transaction", purchase.transaction.to_string()),
        ("block", purchase.block_number.to_string()),
        (
            "credited",
            match credited {
                Some(_) => "yes".to_owned(),
                None => "not waited for (--no-wait); `collimate quota` tells".to_owned(),
            },
        ),
    ]);
    rows
}
