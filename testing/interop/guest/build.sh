#!/bin/bash
# build.sh OUTDIR: builds the graphical Debian 12 guest that the interop tests boot.
#
#   OUTDIR/vmlinuz, OUTDIR/initrd.img   Debian's kernel and a busybox initramfs, for -kernel and -initrd
#   OUTDIR/rootfs.squashfs              read-only root; the initramfs stacks a tmpfs on it, so any number
#                                       of virtual machines, and both ends of a migration, open one file
#
# Needs root and the packages that src/guest.ts names. Files of ours: rootfs/ (copied as it is) and programs/*.c.
set -euo pipefail
OUT=${1:?usage: build.sh OUTDIR}
HERE=$(dirname "$(realpath "$0")")
SUITE=bookworm
# The mirror that this machine already uses.
MIRROR=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -1)}
mkdir -p "$OUT"
OUT=$(realpath "$OUT")
TMP=$(mktemp -d "${TMPDIR:-/var/tmp}/caraway-guest.XXXXXX")
ROOT=$TMP/root
trap 'rm -rf --one-file-system "$TMP"' EXIT
say() { echo "guest: $*" >&2; }

PACKAGES=(
  udev kmod busybox-static procps
  xserver-xorg-core xserver-xorg-video-qxl xserver-xorg-input-libinput xinit x11-xserver-utils
  x11-utils x11-apps xterm evilwm xfonts-base xclip xdotool
  spice-vdagent spice-webdavd alsa-utils curl cadaver davfs2
  pcscd libccid opensc tcc
)
# What no test needs is not even unpacked. The Mesa drivers and LLVM are half of the whole: X renders in software here.
EXCLUDES=(
  '/usr/share/man/*' '/usr/share/doc/*' '/usr/share/locale/*' '/usr/share/info/*'
  '/usr/lib/x86_64-linux-gnu/libLLVM*' '/usr/lib/x86_64-linux-gnu/libz3*' '/usr/lib/x86_64-linux-gnu/dri/*'
  '/usr/lib/x86_64-linux-gnu/gallium-pipe/*' '/usr/lib/udev/hwdb.d/*' '/lib/udev/hwdb.d/*'
)

say "bootstrapping $SUITE from $MIRROR"
options=()
for path in "${EXCLUDES[@]}"; do options+=("--dpkgopt=path-exclude=$path"); done
# The kernel is unpacked, not installed: no initramfs-tools, no triggers. tar keeps the merged /lib a link; dpkg-deb -x would not.
cat > "$TMP/unpack-kernel" <<'X'
#!/bin/sh
exec chroot "$1" sh -ec '
  cd /tmp
  kernel=$(apt-cache depends linux-image-amd64 | sed -n "s/.*Depends: //p" | head -1)
  apt-get download "$kernel"
  dpkg-deb --fsys-tarfile "$kernel"*.deb | tar -x --keep-directory-symlink -C / \
    --exclude="*/drivers/net" --exclude="*/drivers/media" --exclude="*/drivers/infiniband" --exclude="*/drivers/staging" \
    --exclude="*/kernel/net" --exclude="*/sound/soc" --exclude="*/sound/usb" --exclude="./usr/share"
  rm -f ./*.deb'
X
chmod +x "$TMP/unpack-kernel"
mmdebstrap --mode=root --variant=minbase --components=main \
  --aptopt='Apt::Install-Recommends "false"' --dpkgopt='force-confold' --dpkgopt='force-unsafe-io' \
  "${options[@]}" --include="$(IFS=,; echo "${PACKAGES[*]}")" \
  --customize-hook="$TMP/unpack-kernel" "$SUITE" "$ROOT" "$MIRROR"
KERNEL=$(ls "$ROOT/lib/modules")

say "adding the programs"
(
  # Drivers of displays that QEMU does not emulate here, and of buses and file systems that the guest has not.
  cd "$ROOT/lib/modules/$KERNEL/kernel"
  find drivers/gpu/drm -mindepth 1 -maxdepth 1 -type d \
    ! -name qxl ! -name ttm ! -name virtio ! -name tiny ! -name display -exec rm -rf {} +
  # drivers/leds stays: the generic sound codec depends on it.
  rm -rf drivers/{iio,mtd,isdn,nfc,bluetooth,ata,nvme,md,target,hwmon,mfd,mmc,platform,power,gpio,comedi} \
    drivers/usb/{gadget,serial} sound/isa \
    fs/{xfs,btrfs,ceph,cifs,smb*,gfs2,ocfs2,nfs,nfsd,f2fs,jfs,reiserfs,ntfs3,afs,orangefs,udf,ext4,dlm}
  # Of disks, those that come by USB.
  find drivers/scsi -type f ! -name scsi_common.ko ! -name scsi_mod.ko ! -name sd_mod.ko ! -name sr_mod.ko -delete
)
chroot "$ROOT" depmod "$KERNEL"
# Otherwise the first X client of every boot scans the fonts, which takes seconds under TCG.
chroot "$ROOT" fc-cache -f
cp -r "$HERE/rootfs/." "$ROOT/"
chmod 755 "$ROOT"/usr/local/*bin/* "$ROOT/root/.xinitrc"
for program in "$HERE"/programs/*.c; do
  gcc -O2 -Wall -Wextra -Werror -o "$ROOT/usr/local/bin/$(basename "$program" .c)" "$program" -lX11 -lXi -lXrender -lm
done
echo 0123456789abcdef0123456789abcdef > "$ROOT/etc/machine-id"
rm -rf "$ROOT"/usr/lib/gcc "$ROOT"/usr/share/icons "$ROOT"/usr/lib/udev/hwdb.* "$ROOT"/var/lib/apt/lists/* "$ROOT"/var/cache/apt/* "$ROOT"/var/log/*

say "packing the images"
INITRAMFS=$TMP/initramfs
mkdir -p "$INITRAMFS"/{bin,modules,proc,sys,dev,ro,rw,new}
cp "$ROOT/bin/busybox" "$INITRAMFS/bin/"
for applet in sh mount insmod mkdir switch_root sleep; do ln -s busybox "$INITRAMFS/bin/$applet"; done
cp "$HERE/initramfs-init" "$INITRAMFS/init"
chmod 755 "$INITRAMFS/init"
# The modules on the way to the root, numbered in the order in which they must be loaded.
for module in virtio_pci virtio_blk squashfs overlay; do
  chroot "$ROOT" modprobe -S "$KERNEL" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | {
  number=100
  while read -r file; do
    cp "$ROOT$file" "$INITRAMFS/modules/$number-$(basename "$file")"
    number=$((number + 1))
  done
}
(cd "$INITRAMFS" && find . | cpio -o -H newc --quiet | gzip -1) > "$OUT/initrd.img"
cp "$ROOT/boot/vmlinuz-$KERNEL" "$OUT/vmlinuz"
rm -rf "$ROOT"/boot/*
# lz4 is bigger than zstd, but decompression costs guest CPU, and under TCG that is what hurts.
rm -f "$OUT/rootfs.squashfs"
mksquashfs "$ROOT" "$OUT/rootfs.squashfs" -comp lz4 -noappend -no-progress -quiet > /dev/null
say "kernel $KERNEL, root $(($(stat -c %s "$OUT/rootfs.squashfs") >> 20)) MiB, $SECONDS s"
