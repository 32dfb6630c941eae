//! Why groups end, in words for their users.

use collimate_api::fast::GroupEnd;

/// What a group's user reads, and can do.
pub(crate) const fn reason(end: GroupEnd) -> &'static str {
    match end {
        GroupEnd::DeadlinePassed => {
            "its deadline came before a batch that it pays for; sign again with a later deadline, and a higher maxFee if others \
             were batched meanwhile. It cost nothing, and its nonces are free"
        }
        GroupEnd::BalanceTooLow => {
            "the account has less than the group may cost; deposit and sign again. It cost nothing, and its nonces are free"
        }
        GroupEnd::Unlocked => {
            "the account was unlocked; lock it and sign again. It cost nothing, and its nonces are free"
        }
        GroupEnd::WrongNonce => {
            "its nonces do not follow the account's any more: they were used elsewhere, or a group before it ended; sign again \
             from the account's next nonce. It cost nothing"
        }
        GroupEnd::SignatureWithdrawn => {
            "the wallet does not take the signature any more; sign again. It cost nothing, and its nonces are free"
        }
        GroupEnd::SystemDisabled => {
            "governance disabled a proof system of it, so no operator would sign. It cost nothing, and its nonces are free"
        }
        GroupEnd::FilesLost => {
            "the batcher lost one of its files; send it again. It cost nothing, and its nonces are free"
        }
        GroupEnd::TaskExpired => {
            "the operators did not answer its task in time; what was charged is in the account again. Its nonces are used: sign anew"
        }
    }
}

/// Code and reason, as they are stored.
pub(crate) const fn told(end: GroupEnd) -> (&'static str, &'static str) {
    (end.as_str(), reason(end))
}
