//! One suite for every back end, written against the traits alone: what a store does, and what racing callers see.
//!
//! A back end makes a [`Bench`] and calls [`conformance!`]. Not here: what one back end alone can do wrong.

pub(super) mod accounts;
pub(super) mod apps;
pub(super) mod arrivals;
pub(super) mod audit;
pub(super) mod bans;
pub(super) mod codes;
pub(super) mod consents;
pub(super) mod data_races;
pub(super) mod ends;
pub(super) mod feed;
pub(super) mod grants;
pub(super) mod identities;
pub(super) mod keys;
pub(super) mod leaving;
pub(super) mod lists;
pub(super) mod merged_people;
pub(super) mod merges;
pub(super) mod mixture;
pub(super) mod moving;
pub(super) mod opening;
pub(super) mod operator_people;
pub(super) mod operators;
pub(super) mod passwords;
pub(super) mod people;
pub(super) mod policy;
pub(super) mod pushes;
pub(super) mod roles;
pub(super) mod rotation;
pub(super) mod sample;
pub(super) mod sealed;
pub(super) mod session_data;
pub(super) mod sweep;
pub(super) mod tokens;
pub(super) mod trail;
pub(super) mod values;
pub(super) mod vouched;

use std::any::Any;
use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Store;

/// A fresh, empty store, as two nodes see it.
pub(super) struct Bench {
    /// What most tests call.
    pub(super) store: Arc<dyn Store>,
    /// Another node on the same data.
    pub(super) other: Arc<dyn Store>,
    /// Does with SQL what no method does; gives the first value of the first row, if there is one.
    pub(super) raw: Box<dyn Fn(&str) -> String + Send + Sync>,
    /// What must outlive the nodes, such as the folder.
    pub(super) _keeps: Box<dyn Any + Send + Sync>,
}

impl Bench {
    /// Calls `count` times at once, on both nodes in turn; the answers come in any order.
    async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        count: usize,
        call: impl Fn(Arc<dyn Store>, usize) -> F,
    ) -> Vec<T> {
        let start = Arc::new(Barrier::new(count));
        let mut racing = JoinSet::new();
        for at in 0..count {
            let node = if at % 2 == 0 { &self.store } else { &self.other };
            let (start, called) = (Arc::clone(&start), call(Arc::clone(node), at));
            racing.spawn(async move {
                start.wait().await;
                called.await
            });
        }
        racing.join_all().await
    }
}

/// Makes a test of each of the suite's functions; `$bench` is a path to an async function that makes a [`Bench`].
macro_rules! conformance {
    ($bench:path) => {
        $crate::store::conformance::conformance! { @tests $bench;
            accounts {
                the_first_sign_in_makes_a_user_who_is_found_by_everything_that_names_them
                the_same_identity_is_the_same_user
                an_identity_is_platform_appid_and_openid_together
                racing_first_sign_ins_of_one_person_make_one_user
                racing_first_sign_ins_of_one_unionid_over_two_appids_make_one_user
                a_unionid_joins_only_within_its_open_platform_account
                a_unionid_that_comes_late_joins_from_then_on
                numbers_go_up_in_the_order_of_first_sign_ins
                racing_people_get_a_number_each
                a_number_that_people_saw_is_never_given_again
            }
            apps {
                an_app_is_what_it_was_registered_as
                what_people_do_by_password_is_kept_changed_and_told
                an_id_stands_for_one_app_for_ever_and_an_appid_while_it_lives
                of_racing_registrations_one_stands
                two_client_secrets_live_at_most
                a_client_secret_is_revoked_by_its_own_app_alone
                a_disabled_app_is_told_and_its_tokens_are_cut
                while_a_change_waits_for_its_turn_the_tokens_of_its_app_are_cut
                a_removed_app_leaves_nothing_but_its_id
                every_change_of_an_app_leaves_its_line_and_no_other
            }
            audit {
                a_line_of_its_own_is_kept
                every_change_of_a_session_leaves_its_lines
                what_changes_nothing_leaves_no_line
            }
            bans {
                a_ban_ends_every_session_and_tells_of_each_and_of_the_user
                a_banned_user_signs_in_nowhere_until_enabled
                a_refresh_after_a_ban_was_lifted_asks_for_a_sign_in
                nobody_is_banned_who_is_not_there
                a_sign_in_that_races_a_ban_never_survives_it
                a_user_is_found_by_what_else_names_them
            }
            arrivals {
                of_racing_callers_one_gets_the_arrival
                an_arrival_is_good_until_its_end_and_under_its_own_code
                the_platforms_code_is_told_to_have_arrived
                arrivals_that_nobody_takes_go_after_their_time
            }
            codes {
                one_of_any_number_of_racing_callers_gets_the_code
                of_racing_requests_with_one_key_one_is_carried_out_and_the_rest_wait_for_it
                a_repeated_request_gets_the_session_of_the_first
                a_repeated_request_gets_the_refusal_of_the_first
                a_key_belongs_to_one_code_and_one_body
                a_key_may_be_repeated_up_to_its_time_and_then_be_used_anew
                a_code_used_without_a_key_stays_used_for_a_request_with_one
                a_released_code_may_come_again
                a_code_that_opened_a_session_is_neither_released_nor_refused
                another_code_is_another_matter
            }
            consents {
                what_somebody_agrees_to_is_kept_with_its_evidence
                the_same_version_is_kept_once_until_it_is_withdrawn
                what_was_said_under_another_name_counts_and_is_withdrawn_with_it
                a_consent_after_a_withdrawal_holds_whatever_the_clock_says
                of_withdrawn_consents_the_newest_are_kept
                of_racing_callers_who_agree_one_leaves_a_row
                what_somebody_agreed_to_is_everything_that_is_kept_of_it
            }
            data_races {
                racing_writers_of_one_map_lose_nothing
                racing_replacements_never_mix
                racing_counters_add_up_exactly
                of_racing_first_writers_one_is_the_first
                writes_that_race_an_end_are_done_or_refused_and_none_comes_after
                sweeps_amid_writes_lose_nothing
            }
            ends {
                one_session_ends_and_says_when_and_why
                a_session_of_somebody_else_is_left_alone
                a_device_class_ends_without_the_others
                all_sessions_of_a_user_end_and_nobody_elses
                all_but_one_end
                a_grant_names_its_session
                what_is_over_does_not_end_again
                of_racing_ends_one_takes_effect
                only_what_lives_is_listed_the_newest_first
                what_ended_is_still_known_and_refuses_its_tokens
            }
            feed {
                an_end_is_told_with_its_reason_and_until_when_it_matters
                the_oldest_comes_first_and_what_was_read_is_not_told_again
                however_many_there_are_all_are_read
                a_line_goes_after_the_last_token_it_affects
                places_are_never_given_again
                events_are_found_by_their_places
                racing_ends_have_a_place_each
                both_nodes_read_the_same
            }
            grants {
                a_living_grant_is_seen_as_it_stands
                a_grant_dies_with_its_time_its_session_and_its_user
            }
            identities {
                an_identity_that_is_linked_signs_its_user_in
                an_identity_of_somebody_else_stays_theirs
                a_unionid_of_somebody_else_keeps_an_identity_from_being_linked
                an_identity_that_is_proved_once_more_keeps_its_new_key
                an_identity_that_is_unlinked_opens_nothing_and_its_sessions_are_over
                the_last_way_to_sign_in_stays
                of_racing_unlinkings_one_way_to_sign_in_is_left
                of_racing_links_and_first_sign_ins_one_user_has_the_identity
            }
            keys {
                the_first_key_comes_alone
                a_new_key_retires_the_one_before
                keys_of_another_algorithm_are_a_line_of_their_own
                a_new_key_is_told_long_enough_for_every_node_to_read_of_it
                of_two_nodes_that_rotate_one_does
                a_key_for_another_newest_one_changes_nothing
                a_line_without_a_successor_is_retired_once_and_told
                a_revoked_key_is_told_and_revoked_once
                after_a_revoked_key_comes_one_without_a_former
                keys_are_forgotten_after_their_time
                a_master_key_is_noted_once
                racing_nodes_agree_on_one_data_key
            }
            leaving {
                whoever_leaves_is_signed_out_and_due_after_the_cooling_off
                a_sign_in_calls_back_whoever_wants_to_leave
                an_operator_calls_back_who_is_leaving_and_nobody_else
                only_a_shell_is_left_whom_nothing_opens
                other_names_of_whoever_is_erased_are_emptied_too
                whoever_is_due_is_told_from_any_place_on
                much_of_whoever_goes_is_emptied_and_nothing_of_others
                whoever_is_parted_amid_an_erasure_keeps_what_is_theirs
                sign_ins_that_race_a_leaving_are_over_or_call_back
                sign_ins_that_race_an_erasure_never_leave_half_a_person
                whoever_is_erased_meanwhile_gets_nothing_more
                what_races_an_erasure_leaves_nothing_behind
            }
            merged_people {
                a_number_that_was_proved_anew_since_stays
                a_number_that_stayed_with_ones_other_name_is_ones_own
                what_somebody_chose_goes_over_as_their_choice
                each_ones_own_picture_is_theirs_until_a_merge_is_final
            }
            merges {
                every_name_of_who_was_merged_leads_to_who_stays
                the_sessions_of_who_was_merged_end_and_are_told_of
                who_stays_keeps_what_they_have
                a_rehearsal_tells_the_same_and_changes_nothing
                who_is_not_free_is_not_merged
                who_was_merged_is_there_for_an_import
                what_was_merged_comes_apart_again
                a_merge_into_somebody_who_is_merged_then_leads_on
                nobody_gets_what_who_stayed_last_had_themselves
                a_password_that_was_chosen_since_opens_neither_of_the_two
                what_stayed_behind_goes_when_a_merge_is_final
                a_unionid_that_comes_late_makes_two_users_one
                a_late_unionid_merges_within_its_account_alone
                nobody_is_merged_by_itself_whom_others_rely_on
                racing_sign_ins_with_a_late_unionid_leave_one_user
                of_racing_merges_one_is_done
                nothing_that_races_a_merge_stays_with_who_is_no_more
            }
            lists {
                people_are_listed_the_newest_first_whoever_comes_meanwhile
                somebody_is_found_by_an_identity_whole
                sessions_are_listed_the_newest_first_ended_or_not
                ended_sessions_of_somebody_are_listed_by_themselves
                a_line_of_the_audit_reads_back_as_it_was_written
                the_audit_is_read_to_its_end_by_time_and_by_whose_it_is
                an_act_of_an_operator_names_them
                what_was_done_under_any_name_of_a_person_is_listed_as_theirs
            }
            mixture {
                racing_swaps_of_numbers_leave_each_number_one_holder
                everything_at_once_fails_nobody_and_tells_each_end_once
            }
            moving {
                a_newcomer_keeps_their_number_and_signs_in_as_themselves
                an_identity_of_each_app_is_the_same_newcomer
                a_newcomers_unionid_joins_another_app_of_the_account
                a_disabled_newcomer_signs_in_nowhere
                who_comes_again_is_there_and_unchanged
                an_identity_that_is_new_is_added
                who_can_not_be_who_they_say_takes_nobody_with_them
                a_rehearsal_answers_the_same_and_keeps_nothing
                the_next_new_user_gets_the_highest_number_and_one
                numbers_may_begin_anywhere_in_an_empty_store
                nobody_who_signs_in_beside_a_raise_gets_a_number_twice
                a_newcomer_who_signs_in_meanwhile_is_one_user
            }
            opening {
                a_session_is_what_it_was_opened_with
                a_device_has_one_session_in_an_app
                without_a_device_id_the_eleventh_takes_the_place_of_the_oldest
                the_twenty_first_takes_the_place_of_the_oldest
                limits_are_a_users_own
                what_ended_takes_no_place
                racing_sign_ins_stay_within_the_limits
                what_fails_leaves_nothing
                an_unrefreshed_session_can_be_given_again
            }
            operators {
                an_operator_is_set_up_by_a_link_that_works_once
                of_racing_callers_with_one_link_one_is_set_up
                a_code_is_used_once_and_in_order
                the_last_admin_stays
                of_racing_removals_and_demotions_one_admin_is_left
                what_proves_them_moves_to_another_master_key
                a_reset_ends_sign_ins_and_what_was_proved_before
                a_role_changes_at_once_and_a_removed_operator_is_gone
                a_sign_in_is_seen_and_ended_once
                a_token_is_known_by_its_digest_until_it_is_revoked
                what_a_token_made_ends_with_it
                nobody_who_is_gone_makes_a_token
                a_token_that_is_made_while_its_maker_goes_ends_too
                tokens_end_with_the_operator_who_made_them
                what_proves_an_operator_is_kept_anew_once_and_their_addresses_are_known
                what_operators_hold_goes_after_its_time
            }
            operator_people {
                an_identity_signs_its_operator_in_while_its_user_may
                an_operator_is_one_identity_and_an_identity_one_operator
                of_racing_operators_with_one_identity_one_has_it
                a_link_goes_with_either_end_of_it
                nobody_is_merged_by_itself_who_is_an_operator
            }
            passwords {
                a_password_is_found_by_name_and_by_user
                of_racing_newcomers_with_one_name_one_is_made
                a_sign_in_by_a_password_that_was_changed_opens_nothing
                a_change_ends_every_session_but_the_one_and_voids_codes
                a_session_that_is_over_sets_no_password
                a_change_that_races_the_end_of_its_session_is_made_before_it_or_not_at_all
                of_racing_changes_in_the_place_of_one_password_one_is_made
                of_racing_callers_with_one_code_one_sets_a_password
                a_code_is_of_its_user_of_its_time_and_the_newest
                another_hash_takes_the_place_of_the_one_that_was_read
                each_form_of_a_hash_is_told_as_often_as_it_is_kept
                whoever_was_erased_gets_no_password
                a_sign_in_that_races_a_change_never_survives_it
            }
            people {
                what_somebody_brought_of_a_profile_is_kept
                what_is_not_given_never_overwrites
                a_profile_changes_in_part
                what_a_platform_tells_takes_the_place_of_its_own_words_alone
                a_user_who_is_not_there_changes_nothing
                a_proved_number_is_shown_masked
                a_number_moves_to_whom_it_was_proved_for_last
                a_user_has_one_number
                the_same_number_again_changes_nothing
                racing_proofs_of_one_number_leave_one_holder
                the_newest_session_key_comes_first_and_the_one_before_for_a_while
                an_unchanged_session_key_supersedes_nothing
                session_keys_are_an_identitys_own
                a_proof_that_tells_neither_when_nor_for_whom_takes_a_number_from_nobody
                of_racing_proofs_that_tell_neither_one_binds_a_free_number
                a_number_that_is_proved_later_is_bound_like_one_of_a_sign_in
                racing_proofs_of_people_who_are_there_leave_one_holder
                a_reset_forgets_every_key_but_the_new_one
            }
            policy {
                a_class_of_device_has_so_many_sessions_in_an_app
                a_full_class_refuses_the_newest
                a_full_user_refuses_the_newest
                the_same_device_is_never_refused
                a_refused_sign_in_changes_nothing_and_is_refused_again
                racing_sign_ins_stay_within_the_limits_of_a_class
                a_replaced_session_knows_what_took_its_place
            }
            pushes {
                of_racing_callers_one_queues_a_push_and_the_rest_see_it_repeated
                another_push_by_the_same_request_is_not_queued
                of_racing_workers_each_gets_another_push_the_oldest_first
                a_push_is_carried_out_once_by_whoever_claimed_it_last
                what_was_told_is_forgotten_and_nothing_else
                a_number_that_was_bound_after_the_push_came_stays
                what_was_chosen_or_proved_anew_after_the_push_came_stays
                a_closed_account_leaves_an_empty_shell_whose_names_never_come_again
                an_account_closed_beside_others_is_detached_alone
                a_closed_account_leaves_whoever_has_a_password
                of_whom_a_push_erases_each_part_is_emptied_only_while_it_would
                what_is_withdrawn_goes_from_the_persons_other_names_too
                a_push_about_nobody_or_about_somebody_later_changes_nothing
                sign_ins_that_race_a_closing_never_leave_half_a_person
                a_push_that_is_given_up_waits_no_more_and_goes_after_its_time
                a_push_that_is_done_is_known_for_a_while_without_what_it_said
            }
            roles {
                a_role_is_what_it_was_defined_as_and_what_it_has_in_it
                what_changes_with_a_role_is_told_by_name
                who_has_a_role_has_it_for_its_audience_alone
                a_grant_counts_and_is_told_and_one_that_changes_nothing_does_not
                a_role_is_given_to_who_somebody_is_now_and_to_nobody_who_is_gone
                a_removed_role_is_nobody_s_and_its_name_is_free
                of_racing_grants_one_changes_and_nobody_has_too_many
                racing_definitions_leave_no_cycle
                whoever_reads_a_version_reads_all_changes_up_to_it
                roles_go_over_with_a_new_version_and_go_back
                each_gets_their_own_role_back
                a_merge_gives_nobody_more_roles_than_they_may_have
                merges_that_race_changes_of_roles_lose_none
                pages_of_who_has_a_role_follow_each_other
                a_version_is_ahead_of_one_that_a_backup_brought_back
            }
            rotation {
                a_current_counter_moves_on
                of_racing_callers_with_one_counter_one_moves_it_and_all_get_its_successor
                a_lost_answer_is_given_again_within_the_grace
                a_lost_successor_is_superseded_after_the_grace
                racing_recoveries_supersede_once
                a_superseded_successor_is_theft
                an_older_counter_is_theft_and_ends_the_session
                of_racing_thieves_one_ends_the_session
                a_newer_counter_than_the_row_is_a_restored_store
                idle_for_too_long_is_the_end
                too_old_is_the_end
                a_refresh_never_outlives_the_session
                an_ended_session_says_why
                an_unknown_grant_is_unknown
                a_refresh_that_races_an_end_never_survives_it
            }
            sealed {
                everything_sealed_is_counted_by_master_key
                what_is_sealed_elsewhere_is_found_up_to_the_limit
                what_is_sealed_anew_reads_back_and_is_found_no_more
                what_changed_meanwhile_is_left
                refresh_tokens_move_to_the_present_master_key_by_being_used
            }
            session_data {
                what_is_written_is_read_on_every_node
                the_largest_map_is_kept_whole
                two_devices_of_one_person_have_a_map_each
                what_is_a_users_is_one_map_in_all_their_sessions
                each_audience_has_its_own_whatever_it_is_called
                what_is_refused_or_changes_nothing_writes_nothing
                a_session_that_is_over_is_neither_read_nor_written
                data_goes_with_the_row_that_it_belongs_to
                keys_that_ended_are_gone_at_once_and_swept_later
                a_map_that_no_version_wrote_is_named
            }
            sweep {
                codes_go_after_their_time
                superseded_session_keys_go_after_their_time
                events_go_after_their_time
                audit_lines_go_after_their_time
                ended_sessions_go_after_their_time_with_their_grants
                idle_sessions_end_as_expired
                a_session_that_ended_otherwise_keeps_its_reason
                each_table_is_swept_by_batches
                a_sweep_amid_sign_ins_takes_nothing_that_lives
                a_store_that_works_is_ready
            }
            tokens {
                a_platform_token_is_put_once
                of_racing_nodes_one_replaces_the_token
                an_outdated_version_replaces_nothing
                each_app_has_its_own
                of_racing_nodes_one_may_fetch_a_token
                a_claim_is_for_the_token_that_its_claimer_saw
                the_claim_of_a_dead_claimer_runs_out
                a_claim_from_a_clock_that_ran_ahead_counts_for_nothing
                a_claimer_without_a_token_leaves_its_own_claim_alone
                of_racing_nodes_one_may_force_a_token
                forced_tokens_are_counted_by_the_day_and_kept_apart
            }
            trail {
                lines_are_read_on_from_a_place_in_order
                where_somebody_signed_in_is_told_once_with_the_place_of_the_first_time
                a_run_goes_up_to_the_last_line_when_nothing_is_missing
                the_oldest_lines_go_by_themselves_alone
                of_racing_readers_one_gets_the_place_while_it_is_held
                a_dead_readers_place_is_taken_after_its_time_and_one_that_is_not_due_is_not
                a_place_is_raised_and_never_lowered
            }
            vouched {
                a_session_opens_for_a_user_by_any_name
                an_unknown_user_or_number_is_nobody
                an_unknown_external_id_makes_a_user_once
                racing_openings_for_one_new_external_id_make_one_user
                external_ids_are_told_apart_to_the_letter
                claims_stay_with_the_session
                a_user_whom_a_platform_knows_too_is_one
            }
            values {
                a_disabled_user_signs_in_nowhere
                a_disabled_users_refresh_ends_the_session
                a_value_that_no_version_wrote_is_named
            }
        }
    };
    (@tests $bench:path; $($concern:ident { $($name:ident)+ })+) => {
        $(mod $concern {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::store::conformance::$concern::$name($bench().await).await;
            })+
        })+
    };
}

pub(super) use conformance;
