//! The aggregation run: job graph, bisection, submission, finality.
