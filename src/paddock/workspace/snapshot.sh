# Reads what a run left in the worktree. Runs in a box, with a GIT_DIR of ours; only objects come from the job.
#   $1 base commit; $2 the job's git directory; $3 "add", "files" or "prove"; $4 "strict" or "lenient"
# GIT_DIR holds, NUL separated: pathspecs (what to add), gone (paths to drop), large (paths too large to keep).
# Prints NUL separated records: tree X, tip X, head X, wip X, large X, left X; writes the pack to GIT_DIR/out.
set -eu
base=$1
job=$2
cd "$GIT_WORK_TREE"

say() {
  printf '%s %s\0' "$1" "$2"
}

if [ "$4" = lenient ]; then
  echo '* -text -eol -ident -filter -working-tree-encoding' >"$GIT_DIR/info/attributes"
  git add -A --ignore-errors --pathspec-from-file="$GIT_DIR/pathspecs" --pathspec-file-nul >&2 || true
else
  git add -A --pathspec-from-file="$GIT_DIR/pathspecs" --pathspec-file-nul >&2
fi
if [ -s "$GIT_DIR/gone" ]; then
  git update-index -z --force-remove --stdin <"$GIT_DIR/gone"
fi
if [ "$4" = lenient ]; then
  git ls-files -z -o -m --exclude-standard >"$GIT_DIR/left"
fi
if [ -s "$GIT_DIR/large" ]; then
  git check-ignore -z --stdin <"$GIT_DIR/large" >"$GIT_DIR/ignored" || true
fi
tree=$(git write-tree)
say tree "$tree"

# Every commit the job can name and the base does not contain: its HEAD, its branches, tags and stash.
tips=
names=$({
  git --git-dir="$job" rev-parse --verify -q 'HEAD^{commit}' || true
  git --git-dir="$job" for-each-ref --count=256 --format='%(objectname)' 2>/dev/null || true
} | sort -u)
for name in $names; do
  [ "$name" = "$base" ] && continue
  tip=$(git rev-parse --verify -q "$name^{commit}") || continue
  git merge-base --is-ancestor "$tip" "$base" 2>/dev/null && continue
  git rev-list --objects "$tip" --not "$base" >/dev/null 2>&1 || { say broken "$name"; continue; }
  tips="$tips $tip"
done
if [ -n "$tips" ]; then
  # shellcheck disable=SC2086 (object ids)
  tips=$(git merge-base --independent $tips)
fi
for tip in $tips; do
  say tip "$tip"
done
[ "$3" != prove ] || exit 0
[ "$3" = add ] || tips=

head=
if [ "$tree" != "$(git rev-parse "$base^{tree}")" ]; then
  head=$(git commit-tree -p "$base" -F "$GIT_DIR/message" "$tree")
  say head "$head"
fi
wip=$base
if [ -n "$head$tips" ]; then
  set -- -p "$base"
  for tip in $tips; do
    set -- "$@" -p "$tip"
  done
  wip=$(git commit-tree "$@" -F "$GIT_DIR/message" "$tree")
  {
    printf '%s\n' $head "$wip"
    printf '^%s\n' "$base"
  } | git pack-objects --revs --stdout -q --delta-base-offset >"$GIT_DIR/out"
fi
say wip "$wip"
