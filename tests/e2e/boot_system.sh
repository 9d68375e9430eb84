#!/bin/bash
# Starts systemd as process 1 of the namespaces that it was called in, on a copy of this machine's files that
# is forgotten with them. Usage, by booted_system.py: boot_system.sh DIRECTORY
#
# Nothing of the machine's own services, mounts and devices is in it, and it has no right to anything that
# namespaces do not divide: kernel modules, the clock, raw devices.
set -euo pipefail

place=$1
root=$place/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$place"
mkdir "$place/upper" "$place/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" overlay "$root"

mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for directory in run tmp var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$root/$directory"; done
chmod 755 "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

rm -rf "$root/etc/systemd/system" "$root/etc/fstab" "$root/etc/crypttab" "$root/etc/auspex" "$root/var/lib/auspex"
mkdir "$root/etc/systemd/system"
mount -t tmpfs tmpfs "$root/lib/systemd/system-generators"
: > "$root/etc/machine-id"
ip link set lo up

exec setpriv --bounding-set -sys_module,-sys_rawio,-sys_time,-syslog,-wake_alarm,-mac_admin,-mac_override \
  chroot "$root" /usr/bin/env -i container=auspex-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --log-target=journal --unit=basic.target
