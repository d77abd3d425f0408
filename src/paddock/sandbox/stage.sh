# Mounts what a box needs, in a mount namespace of its own, then becomes the command after `--`.
# Every path is a parameter; nothing here is built from a job's words.
#   overlay LOWER UPPER WORK TARGET | bind SOURCE TARGET | group FOLDER
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
while [ $# -gt 0 ]; do
  case $1 in
    overlay)
      mount -t overlay overlay -o "lowerdir=$2,upperdir=$3,workdir=$4,userxattr,nosuid,nodev" "$5"
      shift 5 ;;
    bind)
      mount --bind "$2" "$3"
      shift 3 ;;
    group)
      echo $$ > "$2/cgroup.procs"
      shift 2 ;;
    --)
      shift
      break ;;
    *)
      echo "stage: unknown step $1" >&2
      exit 125 ;;
  esac
done
exec "$@"
