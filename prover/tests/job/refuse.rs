//! Jobs that do not begin.

use halo2curves::bn256::Fr;
use nascent_prover::error::SubjectError;
use nascent_prover::estimate::ChoiceError;
use nascent_prover::job::{Job, JobError, MemoryLimit, Request, TileSize};
use nascent_verifier::{Beacon, BeaconError, Plan};
use tempfile::TempDir;

use super::support::{beacon, copy, plan, public_key, request, secret, short_plan};

fn refused(plan: &Plan, beacon: &Beacon, change: impl FnOnce(&mut Request<'_>)) -> JobError {
    let directory = TempDir::new().unwrap();
    let mut request = request(plan, beacon, directory.path());
    change(&mut request);
    Job::open(request).err().unwrap()
}

#[test]
fn secrets_that_do_not_belong_to_the_plan() {
    let (hidden, public, beacon) = (plan(Some(public_key())), plan(None), beacon());
    let error = refused(&hidden, &beacon, |request| {
        request.secret = Some(Fr::from(1))
    });
    assert!(
        matches!(error, JobError::Subject(SubjectError::WrongSecret)),
        "{error}"
    );
    let error = refused(&hidden, &beacon, |request| request.secret = None);
    assert!(
        matches!(error, JobError::Subject(SubjectError::MissingSecret)),
        "{error}"
    );
    let error = refused(&public, &beacon, |request| request.secret = Some(secret()));
    assert!(
        matches!(error, JobError::Subject(SubjectError::SecretForPublicSeed)),
        "{error}"
    );
}

#[test]
fn values_and_plans_that_are_not_valid() {
    let plan = plan(None);
    let error = refused(&plan, &Beacon::Raw(Vec::new()), |_| {});
    let expected = SubjectError::Beacon(BeaconError::Value {
        least: 1,
        most: 4096,
        got: 0,
    });
    assert_eq!(error.to_string(), expected.to_string());
    let mut plan = short_plan(None);
    plan.model.streams[0].rows += 1;
    let error = refused(&plan, &beacon(), |_| {});
    assert!(
        matches!(error, JobError::Subject(SubjectError::Plan(_))),
        "{error}"
    );
}

#[test]
fn a_directory_in_use() {
    let directory = TempDir::new().unwrap();
    let (plan, beacon) = (plan(None), beacon());
    let job = Job::open(request(&plan, &beacon, directory.path())).unwrap();
    let error = Job::open(request(&plan, &beacon, directory.path()))
        .err()
        .unwrap();
    assert!(matches!(error, JobError::Locked { .. }), "{error}");
    drop(job);
    Job::open(request(&plan, &beacon, directory.path()))
        .map(drop)
        .unwrap();
}

#[test]
fn a_directory_of_another_job() {
    let copy = copy();
    let (plan, other, beacon) = (plan(Some(public_key())), plan(None), beacon());
    let value = Beacon::Raw(vec![1]);
    for (plan, beacon, expected) in [(&other, &beacon, "plan"), (&plan, &value, "beacon value")] {
        let error = Job::open(request(plan, beacon, copy.path())).err().unwrap();
        assert!(
            matches!(error, JobError::ForeignDirectory { what, .. } if what == expected),
            "{error}"
        );
    }
}

#[test]
fn too_little_memory() {
    let (plan, beacon) = (plan(None), beacon());
    for size in [TileSize::Automatic, TileSize::Fixed(20)] {
        let error = refused(&plan, &beacon, |request| {
            request.options.size = size;
            request.options.memory = MemoryLimit::Bytes(1 << 20);
        });
        let JobError::Choice(ChoiceError::Memory { expected, got, .. }) = error else {
            panic!("{error}");
        };
        assert!(expected > got && got == 1 << 20);
    }
}

#[test]
fn sizes_that_do_not_exist() {
    let (plan, beacon) = (plan(None), beacon());
    for k in [0, 6, 25, u32::MAX] {
        let error = refused(&plan, &beacon, |request| {
            request.options.size = TileSize::Fixed(k);
        });
        assert!(
            matches!(error, JobError::Choice(ChoiceError::Shape { .. })),
            "{error}"
        );
    }
}
