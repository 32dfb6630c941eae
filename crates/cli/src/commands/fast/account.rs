//! `collimate fast account`, `deposit`, `unlock`, `lock` and `withdraw`: an account with a batcher.

use alloy::primitives::{Address, U256};
use clap::Args;
use collimate_sdk::{
    Client,
    fast::{FastAccount, FastDeposit, FastPayer, LockState, Mined},
};
use serde::Serialize;

use super::BatcherArgs;
use crate::{
    amount::parse_amount,
    error::CliError,
    format::{duration, ether, time},
    home::journal,
    keys::{KeyArgs, consent},
    networks::Networks,
    outcome::{Outcome, Progress, Rows},
};

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    collimate fast account\n  \
    collimate fast account 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json")]
pub(super) struct AccountArgs {
    /// The account. Default: that of your key
    address: Option<Address>,
    #[command(flatten)]
    batcher: BatcherArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "What is deposited can be charged by this batcher alone, for proofs that you sign for, and is yours to withdraw after \
    an announcement. A deposit for somebody else is theirs. A deposit that was interrupted is finished by the same command; after that \
    the same command is a new deposit.\n\nExamples:\n  \
    collimate fast deposit --amount 0.05eth\n  \
    collimate fast deposit --amount 20000000gwei --for 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --yes --json"
)]
pub(super) struct DepositArgs {
    /// How much, with its unit: 0.05eth, 20gwei, 1000wei
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    amount: u128,
    /// Whose account. Default: the paying account's own
    #[arg(long = "for", value_name = "ADDRESS")]
    user: Option<Address>,
    /// Show the account, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before paying
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    batcher: BatcherArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "An account is either locked, and can be charged, or unlocked, and can be withdrawn from. After the announcement it can be \
    charged for a while: what you have sent to the batcher is paid for still.\n\nExamples:\n  \
    collimate fast unlock && collimate fast account\n  \
    collimate fast lock"
)]
pub(super) struct LockArgs {
    #[command(flatten)]
    batcher: BatcherArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    collimate fast withdraw                    (all of it, to your own address)\n  \
    collimate fast withdraw --amount 0.01eth --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
pub(super) struct WithdrawArgs {
    /// How much, with its unit. Default: all of it
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    amount: Option<u128>,
    /// Who is paid. Default: your key's address
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
    #[command(flatten)]
    batcher: BatcherArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    account: FastAccount,
    /// Seconds between an announcement and the end of charges.
    unlock_delay_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deposit: Option<FastDeposit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawal: Option<collimate_sdk::fast::FastWithdrawal>,
    /// Of an announcement, or of locking.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<Mined>,
}

pub(super) async fn show(args: &AccountArgs, networks: &Networks) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let user = args.key.address_or(args.address)?;
    let batcher = args.batcher.address(&client).await?;
    let (report, rows) = describe(&client, batcher, user).await?;
    Ok(Outcome::new(&report, rows))
}

pub(super) async fn deposit(
    args: &DepositArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let user = args.key.address_or(args.user)?;
    let batcher = args.batcher.address(&client).await?;
    let amount = ether(U256::from(args.amount));
    progress.say(&format!("{amount} and gas, for the account of {user} with batcher {batcher}"));
    if args.dry_run {
        let (report, mut rows) = describe(&client, batcher, user).await?;
        rows.push(("sent", "nothing (--dry-run)".to_owned()));
        return Ok(Outcome::new(&report, rows));
    }
    let signer = args.key.signer()?;
    consent(args.yes, &format!("Pay {amount} from {}?", signer.address()))?;
    let payer = client.fast_payer(signer, &journal()?).await?;
    progress.say("sending the deposit");
    let deposit = payer.deposit(batcher, user, args.amount).await;
    payer.stop().await;
    let deposit = deposit?;
    let (mut report, mut rows) = describe(&client, batcher, user).await?;
    rows.extend([("deposited", amount), ("transaction", deposit.mined.transaction.to_string())]);
    report.deposit = Some(deposit);
    Ok(Outcome::new(&report, rows))
}

pub(super) async fn unlock(
    args: &LockArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let (client, payer, batcher) = args.prepare(networks).await?;
    progress.say("announcing that the account will be unlocked");
    let announced = payer.unlock(batcher).await;
    payer.stop().await;
    let (_, mined) = announced?;
    changed(&client, batcher, payer.address(), mined).await
}

pub(super) async fn lock(
    args: &LockArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let (client, payer, batcher) = args.prepare(networks).await?;
    progress.say("locking the account");
    let locked = payer.lock(batcher).await;
    payer.stop().await;
    changed(&client, batcher, payer.address(), locked?).await
}

pub(super) async fn withdraw(
    args: &WithdrawArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let batcher = args.batcher.address(&client).await?;
    let payer = client.fast_payer(args.key.signer()?, &journal()?).await?;
    let receiver = args.to.unwrap_or(payer.address());
    progress.say(&format!("withdrawing to {receiver}"));
    let withdrawal = payer.withdraw(batcher, receiver, args.amount).await;
    payer.stop().await;
    let withdrawal = withdrawal?;
    let (mut report, mut rows) = describe(&client, batcher, payer.address()).await?;
    rows.extend([
        ("withdrawn", ether(U256::from(withdrawal.amount_wei.0))),
        ("to", withdrawal.receiver.to_string()),
        ("transaction", withdrawal.mined.transaction.to_string()),
    ]);
    report.withdrawal = Some(withdrawal);
    Ok(Outcome::new(&report, rows))
}

impl LockArgs {
    async fn prepare(&self, networks: &Networks) -> Result<(Client, FastPayer, Address), CliError> {
        let client = networks.client()?;
        let batcher = self.batcher.address(&client).await?;
        let payer = client.fast_payer(self.key.signer()?, &journal()?).await?;
        Ok((client, payer, batcher))
    }
}

async fn changed(
    client: &Client,
    batcher: Address,
    user: Address,
    mined: Mined,
) -> Result<Outcome, CliError> {
    let (mut report, mut rows) = describe(client, batcher, user).await?;
    rows.push(("transaction", mined.transaction.to_string()));
    report.transaction = Some(mined);
    Ok(Outcome::new(&report, rows))
}

async fn describe(
    client: &Client,
    batcher: Address,
    user: Address,
) -> Result<(Report, Rows), CliError> {
    let contracts = client.fast_contracts().await?;
    let account = contracts.account(batcher, user).await?;
    let delay = contracts.unlock_delay();
    let state = match (account.state, account.unlocked_from) {
        (LockState::Unlocking, Some(from)) => format!("can be charged until {}", time(from)),
        (LockState::Unlocked, _) => "unlocked: can be withdrawn from".to_owned(),
        _ => format!("locked: can be charged; withdrawals take {}", duration(delay)),
    };
    let rows = vec![
        ("account", user.to_string()),
        ("batcher", batcher.to_string()),
        ("balance", ether(U256::from(account.balance_wei.0))),
        ("next nonce", account.nonce.to_string()),
        ("state", state),
    ];
    let report = Report {
        account,
        unlock_delay_seconds: delay.as_secs(),
        deposit: None,
        withdrawal: None,
        transaction: None,
    };
    Ok((report, rows))
}
