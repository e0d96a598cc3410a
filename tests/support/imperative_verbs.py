"""Verbs that may begin a docstring of a function or the subject of a commit."""

VERBS = frozenset(
    """
    Abort Accept Accumulate Acquire Activate Adapt Add Adjust Advance Aggregate Align Allocate
    Allow Anonymize Answer Append Apply Archive Arrange Assemble Assert Assign Attach
    Authenticate Authorize Await Begin Bind Block Bound Break Bring Broadcast Build Bump Cache
    Calculate Call Cancel Carry Change Check Choose Cite Claim Clarify Clean Clear Close Collect
    Combine Commit Compare Compile Complete Compose Compress Compute Configure Confirm Connect
    Consume Continue Convert Copy Correct Count Cover Create Cross Cut Decide Declare Decode
    Decrypt Deduplicate Define Delegate Delete Deliver Deny Derive Describe Deserialize Detect
    Determine Disable Discard Dispatch Display Divide Do Document Download Draw Drive Drop Dump
    Eliminate Emit Empty Enable Encode Encrypt End Enforce Enqueue Ensure Enter Erase Escape
    Estimate Evaluate Evict Examine Exclude Execute Exempt Exit Expand Expect Expire Explain
    Export Expose Extend Extract Fail Feed Fetch Fill Filter Finalize Find Finish Fix Flatten
    Flush Fold Follow Force Forget Fork Format Forward Free Freeze Gather Generate Get Give Grant
    Group Guard Guess Handle Hash Hide Hold Identify Ignore Import Include Increment Indent
    Index Infer Ingest Initialize Inject Inline Insert Inspect Install Interpret Introduce
    Invalidate Invert Invite Isolate Issue Iterate Join Keep Label Leave Let Limit Link List
    Listen Load Locate Lock Log Look Loosen Lower Make Map Mark Mask Match Measure Memoize Mend
    Merge Migrate Mirror Mix Mount Move Multiply Name Normalize Note Notify Obtain Omit Open
    Order Overlay Override Pack Page Paginate Parse Partition Pass Patch Pause Peek Perform Pick
    Pin Place Plan Play Point Prefer Prepare Present Preserve Preview Print Process Produce
    Project Propagate Propose Protect Prove Provide Publish Push Put Query Queue Raise Rank Read
    Rebuild Receive Recompute Reconcile Record Recover Redact Redirect Reduce Refresh Refuse
    Regenerate Register Reject Relate Release Reload Remember Remove Rename Render Reorder
    Repair Repeat Replace Replay Reply Report Represent Reprocess Request Require Reserve Reset
    Resolve Restate Restore Restrict Restructure Resume Retain Retract Retry Return Reuse Reveal
    Revert Revise Revoke Reword Rework Rewrite Roll Rotate Round Route Run Sample Save Say Scale
    Scan Schedule Score Search Seed Select Send Separate Serialize Serve Set Share Shift Shorten
    Show Shut Sign Signal Simplify Simulate Skip Slice Solve Sort Split Spread Squeeze Stamp
    Start State Step Stop Store Stream Strip Submit Subtract Sum Summarize Supersede Supply
    Support Suppress Suspend Swap Switch Sync Synchronize Take Tell Test Throttle Tie Time Trace
    Track Transform Translate Traverse Trigger Trim Truncate Try Turn Undo Unify Unpack Untangle
    Unwrap Update Upgrade Upload Upsert Use Validate Verify Visit Wait Walk Warm Warn Watch
    Weigh Withdraw Withhold Work Wrap Write Yield Zip
    """.split()  # noqa: SIM905  # a list of words, not of strings
)
